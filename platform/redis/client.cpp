#include "platform/redis/client.hpp"

#include <utility>

#include "platform/redis/cluster.hpp"
#include "platform/redis/link.hpp"
#include "platform/redis/sentinels.hpp"

namespace quorate {

namespace {

std::shared_ptr<detail::RedisRoute> make_route(asio::any_io_executor executor,
                                               RedisClientOptions options) {
    if (options.cluster)
        return std::make_shared<detail::RedisCluster>(std::move(executor), std::move(options));
    if (options.sentinels.empty())
        return std::make_shared<detail::RedisLink>(std::move(executor), std::move(options));
    const auto sentinels = std::make_shared<detail::RedisSentinels>(options);
    return std::make_shared<detail::RedisLink>(
        std::move(executor), std::move(options), [sentinels] { return sentinels->find_master(); });
}

}  // namespace

RedisClient::RedisClient(asio::any_io_executor executor, RedisClientOptions options)
    : timeout_{options.timeout}, route_{make_route(std::move(executor), std::move(options))} {}

RedisClient::RedisClient(std::shared_ptr<detail::RedisRoute> route, milliseconds timeout)
    : timeout_{timeout}, route_{std::move(route)} {}

RedisClient::~RedisClient() = default;

Task<> RedisClient::serve() {
    const auto route = route_;
    co_await route->serve();
}

Task<RedisReply> RedisClient::run(RedisArgs command) {
    return run(std::move(command), timeout_);
}

Task<RedisReply> RedisClient::run(RedisArgs command, milliseconds timeout) {
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(command));
    auto replies = co_await try_all(std::move(commands), timeout);
    replies.front().check();
    co_return std::move(replies.front());
}

Task<std::vector<RedisReply>> RedisClient::run_all(std::vector<RedisArgs> commands) {
    auto replies = co_await try_all(std::move(commands));
    for (const auto& reply : replies)
        reply.check();
    co_return replies;
}

Task<std::vector<RedisReply>> RedisClient::try_all(std::vector<RedisArgs> commands) {
    return try_all(std::move(commands), timeout_);
}

Task<std::vector<RedisReply>> RedisClient::try_all(std::vector<RedisArgs> commands,
                                                   milliseconds timeout) {
    if (commands.empty()) co_return std::vector<RedisReply>{};
    const auto route = route_;
    co_return co_await route->try_all(std::move(commands), timeout, detail::WhileAway::wait);
}

Task<std::vector<RedisReply>> RedisClient::try_now(std::vector<RedisArgs> commands) {
    if (commands.empty()) co_return std::vector<RedisReply>{};
    const auto route = route_;
    co_return co_await route->try_all(std::move(commands), timeout_, detail::WhileAway::fail);
}

Task<> RedisClient::run_everywhere(RedisArgs command) {
    const auto route = route_;
    auto replies = co_await route->try_everywhere(std::move(command), timeout_);
    for (const auto& reply : replies)
        reply.check();
}

bool RedisClient::reachable() const {
    return route_->reachable();
}

void RedisClient::on_change(std::function<void(bool, const std::string&)> callback) {
    route_->on_change(std::move(callback));
}

std::size_t RedisClient::waiting() const {
    return route_->waiting();
}

}  // namespace quorate

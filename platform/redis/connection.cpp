#include "platform/redis/connection.hpp"

#include <array>
#include <fstream>
#include <utility>

#include <boost/system/system_error.hpp>

#include "core/base/text.hpp"
#include "platform/redis/protocol.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/within.hpp"

namespace quorate::detail {

namespace {

constexpr std::size_t kPasswordMax = 4096;
constexpr std::size_t kWordsMax = 200;  // of an error of the server

std::string password_of(const RedisLogin& login) {
    if (login.password_file.empty()) return login.password;
    std::ifstream file{login.password_file, std::ios::binary};
    std::string password(kPasswordMax + 1, '\0');
    file.read(password.data(), static_cast<std::streamsize>(password.size()));
    if (!file.is_open() || file.bad())
        throw RedisUnavailable{login.password_file.string() + " can't be read"};
    password.resize(static_cast<std::size_t>(file.gcount()));
    while (password.ends_with('\n') || password.ends_with('\r'))
        password.pop_back();
    if (password.empty() || password.size() > kPasswordMax)
        throw RedisUnavailable{login.password_file.string() +
                               " must hold a password of at most 4096 bytes"};
    return password;
}

std::vector<RedisArgs> greeting_commands(const RedisAddress& address,
                                         const RedisGreeting& greeting) {
    std::vector<RedisArgs> commands;
    auto password = password_of(greeting.login);
    if (!password.empty()) {
        RedisArgs login{"AUTH"};
        if (!greeting.login.user.empty()) login.push_back(greeting.login.user);
        login.push_back(std::move(password));
        commands.push_back(std::move(login));
    }
    // A new connection has database 0, and an agent's ACL need not allow SELECT.
    if (address.database != 0) commands.push_back({"SELECT", std::to_string(address.database)});
    if (greeting.must_be_master) commands.push_back({"ROLE"});
    commands.push_back({"PING"});
    return commands;
}

}  // namespace

Task<> RedisConnection::open(RedisAddress address, RedisGreeting greeting) {
    broken_off_.clear();
    const auto where = to_text(address);
    const auto waited = std::to_string(greeting.timeout.count());
    const auto deadline = SystemClock{}.steady_now() + greeting.timeout;
    auto connecting = greet(std::move(address), std::move(greeting));
    const bool done = co_await done_within(deadline, std::move(connecting));
    if (!done) throw RedisUnavailable{where + " did not answer within " + waited + " ms"};
}

Task<> RedisConnection::greet(RedisAddress address, RedisGreeting greeting) {
    co_await transport_.connect(address, greeting.tls);
    auto commands = greeting_commands(address, greeting);
    const auto replies = co_await ask(std::move(commands));
    for (const auto& reply : replies)
        if (const auto* error = reply.error()) throw RedisUnavailable{safe_text(*error, kWordsMax)};
    if (!greeting.must_be_master) co_return;
    const auto& role = replies.at(replies.size() - 2).list();
    if (role.at(0).text() != "master")
        throw RedisUnavailable{to_text(address) + " is no master but a " +
                               safe_text(role.at(0).text(), kWordsMax)};
}

Task<std::vector<RedisReply>> RedisConnection::ask(std::vector<RedisArgs> commands) {
    std::string bytes;
    for (const auto& command : commands)
        append_command(bytes, command);
    co_await write(bytes);
    ReplyReader reader;
    std::vector<RedisReply> replies;
    std::array<char, 16'384> buffer;
    while (replies.size() < commands.size()) {
        const auto size = co_await read_some(buffer);
        reader.feed({buffer.data(), size});
        while (auto reply = reader.next())
            replies.push_back(*std::move(reply));
    }
    co_return replies;
}

void RedisConnection::break_off(std::string why) {
    if (broken_off_.empty()) broken_off_ = std::move(why);
    close();
}

std::string RedisConnection::why_broken(const std::exception& thrown) const {
    return broken_off_.empty() ? why(thrown) : broken_off_;
}

Task<RedisReply> ask_once(RedisAddress address, RedisGreeting greeting, RedisArgs command) {
    RedisConnection connection{co_await asio::this_coro::executor};
    const auto deadline = SystemClock{}.steady_now() + greeting.timeout;
    const auto where = to_text(address);
    co_await connection.open(std::move(address), std::move(greeting));
    std::vector<RedisArgs> commands;
    commands.push_back(std::move(command));
    auto asking = connection.ask(std::move(commands));
    auto replies = co_await within(deadline, std::move(asking));
    if (!replies) throw RedisUnavailable{where + " did not answer in time"};
    if (const auto* error = replies->front().error())
        throw RedisUnavailable{safe_text(*error, kWordsMax)};
    co_return std::move(replies->front());
}

std::string why(const std::exception& thrown) {
    // `what` of a system_error also names a line of Asio's source.
    const auto* error = dynamic_cast<const boost::system::system_error*>(&thrown);
    return error == nullptr ? thrown.what() : error->code().message();
}

}  // namespace quorate::detail

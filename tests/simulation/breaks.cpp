#include "tests/simulation/breaks.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "platform/redis/scripts.hpp"
#include "platform/wire/cell_codec.hpp"

namespace quorate::simulation {
namespace {

constexpr std::size_t kFlagsAt = 8;  // of an encoded cell

/// Passes everything on to another route; those below change something on the way.
class RouteBeside : public detail::RedisRoute {
public:
    explicit RouteBeside(std::shared_ptr<detail::RedisRoute> route) : route_{std::move(route)} {}
    Task<> serve() override { return route_->serve(); }
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          detail::WhileAway while_away) override {
        return route_->try_all(std::move(commands), timeout, while_away);
    }
    Task<std::vector<RedisReply>> try_everywhere(RedisArgs command, milliseconds timeout) override {
        return route_->try_everywhere(std::move(command), timeout);
    }
    bool reachable() const override { return route_->reachable(); }
    void on_change(OnChange callback) override { route_->on_change(std::move(callback)); }
    std::size_t waiting() const override { return route_->waiting(); }

protected:
    detail::RedisRoute& route() { return *route_; }

private:
    std::shared_ptr<detail::RedisRoute> route_;
};

/// Jobs are acknowledged as soon as they were read.
class AcknowledgesFirst final : public RouteBeside {
public:
    using RouteBeside::RouteBeside;
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          detail::WhileAway while_away) override {
        const auto asked = commands;
        auto replies = co_await route().try_all(std::move(commands), timeout, while_away);
        std::vector<RedisArgs> acknowledge;
        for (std::size_t i = 0; i < replies.size(); ++i) {
            if (asked[i].front() != "XREADGROUP" || !replies[i].is_list()) continue;
            const auto& of_stream = replies[i].list().at(0).list();
            RedisArgs ack{"XACK", of_stream.at(0).text(), asked[i].at(2)};
            RedisArgs remove{"XDEL", of_stream.at(0).text()};
            for (const auto& entry : of_stream.at(1).list()) {
                ack.push_back(entry.list().at(0).text());
                remove.push_back(ack.back());
            }
            if (ack.size() == 3) continue;
            acknowledge.push_back(std::move(ack));
            acknowledge.push_back(std::move(remove));
        }
        if (!acknowledge.empty())
            co_await route().try_all(std::move(acknowledge), timeout, while_away);
        co_return replies;
    }
};

/// Cells that are not there are read as FAIL, and so are those that say UNKNOWN.
class UnknownIsFail final : public RouteBeside {
public:
    explicit UnknownIsFail(std::shared_ptr<detail::RedisRoute> route)
        : RouteBeside{std::move(route)} {
        Cell cell;
        cell.verdict = Verdict::fail;
        cell.reason = Reason::connection_refused;
        cell.phase = Phase::tcp;
        fail_ = wire::encode_cell(cell, false).fixed;
        fail_[kFlagsAt] = '\0';  // no details: those of the cell itself would stand for it
        cell.verdict = Verdict::unknown;
        unknown_ = wire::encode_cell(cell, false).fixed.front();
    }
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          detail::WhileAway while_away) override {
        const auto asked = commands;
        auto replies = co_await route().try_all(std::move(commands), timeout, while_away);
        for (std::size_t i = 0; i < replies.size(); ++i) {
            const auto& command = asked[i];
            if (command.front() != "GETRANGE" || command[1].find(":c:") == std::string::npos)
                continue;
            auto bytes = replies[i].text();
            const auto first = std::stoull(command[2]);
            bytes.resize(std::stoull(command[3]) - first + 1, '\0');
            for (std::size_t at = 0; at + wire::kCellBytes <= bytes.size(); at += wire::kCellBytes)
                if (bytes[at] == '\0' || bytes[at] == unknown_)
                    bytes.replace(at, wire::kCellBytes, fail_);
            replies[i] = RedisReply{std::move(bytes)};
        }
        co_return replies;
    }

private:
    std::string fail_;
    char unknown_ = '\0';
};

/// How far minutes are sealed is committed in a transaction of its own, before the minutes.
class WatermarkOutside final : public ArchiveClient {
public:
    using ArchiveClient::ArchiveClient;
    Task<> commit(ShardEpochs held, PlanToStore to_store) override {
        const auto shards = to_store.plan.shards();
        std::function<bool()> first = [&] {
            archive().check_fences(held, shards);
            archive().store_progress(to_store);
            return true;
        };
        co_await client().transact(terms(shards), std::move(first));
        std::function<bool()> then = [&] {
            archive().check_fences(held, shards);
            archive().store_rest(to_store);
            see(held, shards);
            return true;
        };
        co_await client().transact(terms(shards), std::move(then));
    }
};

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const auto at = text.find(what);
    if (at == std::string::npos)
        throw std::logic_error{"the record script has changed: its break has to follow"};
    return text.replace(at, what.size(), with);
}

}  // namespace

std::shared_ptr<detail::RedisRoute> archiver_route(Ground& ground, Host& host, Process& process) {
    std::shared_ptr<detail::RedisRoute> route =
        std::make_shared<RedisLink>(ground.redis, host, process);
    if (ground.broken == Break::unknown_as_fail)
        route = std::make_shared<UnknownIsFail>(std::move(route));
    return route;
}

std::shared_ptr<detail::RedisRoute> reads_route(Ground& ground, Host& host, Process& process) {
    std::shared_ptr<detail::RedisRoute> route =
        std::make_shared<RedisLink>(ground.redis, host, process);
    if (ground.broken == Break::ack_before_write)
        route = std::make_shared<AcknowledgesFirst>(std::move(route));
    return route;
}

std::unique_ptr<ArchiveClient> archive_client(Ground& ground, Host& host, Process& process) {
    if (ground.broken == Break::watermark_outside)
        return std::make_unique<WatermarkOutside>(
            ground.postgres, ground.archive, host, process, ground.see_commit);
    return std::make_unique<ArchiveClient>(
        ground.postgres, ground.archive, host, process, ground.see_commit);
}

void break_stores(Ground& ground) {
    if (ground.broken == Break::no_fencing) ground.archive.fences = false;
    if (ground.broken == Break::merge_overwrites)
        ground.redis.redis().replace_script(
            scripts::record,
            replaced(
                std::string{scripts::record},
                "if byte(standing) == 0 or goes_first(cell, with, standing, standing_with) then",
                "if true then"));
}

}  // namespace quorate::simulation

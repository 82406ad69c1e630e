#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "core/time/time.hpp"
#include "platform/redis/args.hpp"
#include "platform/redis/options.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

namespace detail {
class RedisRoute;
}

/// A pipelined connection to Redis, shared by any number of coroutines; commands leave in the order
/// of the calls. A read that blocks on the server (XREADGROUP BLOCK) holds up everything behind it,
/// so it needs a client of its own.
///
/// While Redis is away `serve` tries again and again with a jittered, growing wait. Commands given
/// meanwhile wait for their own timeout, in a queue of `commands_max` and `bytes_max`; above either
/// they fail at once. A command under way when the connection breaks fails and is never sent again:
/// its caller knows whether it may run twice. A reply that does not come in time breaks the
/// connection, for the replies behind it cannot come either; so does one that says that this server
/// can't serve (`READONLY`: it is no master any more), and what was under way is RedisUnavailable.
///
/// Behind sentinels each connect asks them where the master is, and takes nothing but a master.
///
/// In a cluster each command goes to the node that serves its key's hash slot, over a connection of
/// its own, and the replies come back in the order of the commands; commands without a key go to
/// the master of the lowest slots that is connected. MOVED (which is learned), ASK, TRYAGAIN and
/// CLUSTERDOWN say that a command did not run: it is sent again, within its timeout and five
/// redirections; so is a script that ended at a key beside its KEYS, for the slot is on its way. A
/// script that reads such keys must bear to be repeated after any part of it. A node that is away
/// fails the commands for its own slots alone: each of them gets a reply that `unavailable` knows,
/// or, where no command of a call was answered, the call throws. `commands_max` and `bytes_max`
/// hold for all nodes together, with what is under way.
///
/// All members are called on the client's executor, which must be single-threaded or a strand.
class RedisClient {
public:
    /// Connects to nothing yet: `serve` does.
    RedisClient(asio::any_io_executor executor, RedisClientOptions options);
    /// Commands go by this route, such as one to a model of Redis.
    /// @param timeout of a command that names none
    RedisClient(std::shared_ptr<detail::RedisRoute> route, milliseconds timeout);
    ~RedisClient();
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    /// Keeps the connection, until cancelled; then fails what is waiting with RedisUnavailable and
    /// throws `operation_aborted`. Call once, before or after the first command.
    Task<> serve();

    /// Runs one command. @return its reply, never an error: those throw RedisError.
    /// Throws RedisUnavailable (see there). Cancelled: throws `boost::system::system_error` with
    /// `operation_aborted`; a command already sent runs nevertheless.
    Task<RedisReply> run(RedisArgs command);
    /// As above, with a timeout of its own: a command that blocks for its BLOCK plus the usual.
    Task<RedisReply> run(RedisArgs command, milliseconds timeout);

    /// Runs all commands in one write and waits for all replies, in order. Not a transaction.
    /// Throws RedisError for the first that failed, after all were answered; otherwise as `run`.
    Task<std::vector<RedisReply>> run_all(std::vector<RedisArgs> commands);

    /// As `run_all`, but errors of the server stay in their replies: look with `RedisReply::error`;
    /// so does, in a cluster, that some node was not available.
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands);
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands, milliseconds timeout);

    /// As `try_all`, but what is for a server that is known to be away fails at once: so that it
    /// does not hold up what other nodes of a cluster answer.
    Task<std::vector<RedisReply>> try_now(std::vector<RedisArgs> commands);

    /// Runs a command that changes the server itself, such as ACL SETUSER, on each master that is
    /// known: in a cluster several. Replicas are left out. Throws RedisError or RedisUnavailable
    /// for the first master that did not do it, after all were asked.
    Task<> run_everywhere(RedisArgs command);

    /// True while connected; in a cluster, to any of its masters.
    bool reachable() const;

    /// Called on each change: `reachable`, and why not as one line without secrets. The first call
    /// comes with the first success or failure. Must not throw; runs inside `serve`.
    void on_change(std::function<void(bool reachable, const std::string& why)> callback);

    /// Commands queued or under way; for a gauge.
    std::size_t waiting() const;

private:
    milliseconds timeout_;
    std::shared_ptr<detail::RedisRoute> route_;
};

}  // namespace quorate

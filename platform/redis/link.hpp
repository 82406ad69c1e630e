#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/redis/connection.hpp"
#include "platform/redis/options.hpp"
#include "platform/redis/route.hpp"
#include "platform/runtime/backoff.hpp"

namespace quorate::detail {

/// The commands of one call to one server, and where their replies gather.
struct RedisBatch {
    RedisBatch(const asio::any_io_executor& executor, milliseconds timeout_from_now)
        : timeout{timeout_from_now}, done{executor, timeout} {}
    milliseconds timeout;
    std::string bytes;
    std::size_t expected = 0;
    std::vector<RedisReply> replies;
    asio::steady_timer done;  // expires when the caller gives up; cancelled when it is finished
    bool sent = false;
    bool finished = false;
    std::string failure;  // empty: all replies are in
};

/// One pipelined, reconnecting connection to one server at a time; of this folder alone. How it
/// behaves is written at RedisClient.
class RedisLink final : public RedisRoute, public std::enable_shared_from_this<RedisLink> {
public:
    /// Says at each connect where the server is.
    using Locate = std::function<Task<RedisAddress>()>;

    RedisLink(asio::any_io_executor executor, RedisClientOptions options, Locate locate);
    /// It is at `options.address`, always.
    RedisLink(asio::any_io_executor executor, RedisClientOptions options);

    Task<> serve() override;
    Task<std::vector<RedisReply>> try_all(std::vector<RedisArgs> commands,
                                          milliseconds timeout,
                                          WhileAway while_away) override;
    Task<std::vector<RedisReply>> try_everywhere(RedisArgs command, milliseconds timeout) override;
    bool reachable() const override { return reachable_; }
    void on_change(OnChange callback) override { callback_ = std::move(callback); }
    std::size_t waiting() const override { return commands_; }

    /// For good: `serve` returns, what was not sent fails as such, what was sent fails too.
    void stop(std::string why);
    bool stopped() const { return stopped_; }
    /// It was tried and is not there; false before the first try.
    bool is_away() const { return told_ && !reachable_; }
    /// Why it is not reachable.
    const std::string& why() const { return why_; }

    /// Commands that were taken into the queue; whoever drops them gives up those not yet sent.
    class Pending {
    public:
        Pending(std::shared_ptr<RedisLink> link, std::shared_ptr<RedisBatch> batch)
            : link_{std::move(link)}, batch_{std::move(batch)} {}
        Pending(Pending&&) = default;
        Pending& operator=(Pending&&) = delete;
        ~Pending() {
            if (link_) link_->leave(*batch_);
        }

        /// Waits until the replies are in or will not come any more; then look at `failure`.
        Task<> settled();
        /// Empty: `replies` has all of them.
        const std::string& failure() const { return batch_->failure; }
        /// Whether Redis may have run them.
        bool sent() const { return batch_->sent; }
        std::vector<RedisReply>& replies() { return batch_->replies; }

    private:
        std::shared_ptr<RedisLink> link_;
        std::shared_ptr<RedisBatch> batch_;
    };

    /// Queues the commands, to be written in one go. Throws RedisUnavailable where it is stopped or
    /// its queue is full.
    Pending submit(const std::vector<const RedisArgs*>& commands, milliseconds timeout);

private:
    using BatchPtr = std::shared_ptr<RedisBatch>;
    using Batches = std::deque<BatchPtr>;

    static Task<> write(std::shared_ptr<RedisLink> link);
    static Task<> read(std::shared_ptr<RedisLink> link);
    Task<std::string> session(Backoff& backoff);

    void tell(bool now, std::string reason);
    void finish(const BatchPtr& batch, std::string failure);
    void fail(Batches& batches, const std::string& failure);
    void take(const BatchPtr& batch);
    void leave(const RedisBatch& batch);
    std::string take_writable();
    void deliver(RedisReply reply);

    asio::any_io_executor executor_;
    RedisClientOptions options_;
    Locate locate_;
    Batches queued_;
    Batches under_way_;
    std::size_t commands_ = 0;      // of both queues
    std::size_t queued_bytes_ = 0;  // of `queued_`
    asio::steady_timer wake_;       // never expires; cancelling it wakes the writer
    asio::steady_timer pause_;      // between two tries to connect
    RedisConnection connection_;
    OnChange callback_;
    bool reachable_ = false;
    bool told_ = false;
    bool stopped_ = false;
    bool served_ = false;  // this session has answered a batch
    std::string why_ = "not connected yet";
};

}  // namespace quorate::detail

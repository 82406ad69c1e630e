#include "coordinator/admin/watch_hub.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <grpcpp/support/slice.h>

#include "coordinator/admin/calls.hpp"
#include "platform/postgres/errors.hpp"
#include "platform/runtime/overloaded.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
constexpr milliseconds kLook{1000};  // of a watcher for whom nothing comes: may it still watch?

WatchStream::Bytes encoded(const v1::WatchEvent& event) {
    const grpc::Slice slice{event.SerializeAsString()};
    return std::make_shared<const grpc::ByteBuffer>(&slice, 1);
}

/// An event that tells no decision.
v1::WatchEvent token_alone(const std::string& token) {
    v1::WatchEvent event;
    event.set_resume_token(token);
    return event;
}

/// What watchers who share a feed ask for.
v1::WatchRequest without_token(v1::WatchRequest request) {
    request.clear_resume_token();
    return request;
}

}  // namespace

/// A watcher's place at a feed, and while it is on its way there a use of it.
class WatchHub::Place {
public:
    Place(std::shared_ptr<Feed> feed, WatchStream& stream)
        : feed_{std::move(feed)}, watcher_{stream} {
        ++feed_->users;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        feed_->watchers.erase(&watcher_);
        --feed_->users;
    }
    void take() { feed_->watchers.insert(&watcher_); }
    Feed& feed() { return *feed_; }
    Watcher& watcher() { return watcher_; }

private:
    std::shared_ptr<Feed> feed_;
    Watcher watcher_;
};

WatchHub::WatchHub(asio::any_io_executor executor,
                   Database& database,
                   const CoordinatorMetrics& metrics)
    : database_{database}, metrics_{metrics}, tasks_{std::move(executor), kFeedsMax} {}

Task<> WatchHub::stop() {
    tasks_.cancel();
    co_await tasks_.join();
}

Task<v1::WatchEvent> WatchHub::read(const v1::WatchRequest& request,
                                    WatchPosition& position,
                                    std::uint64_t below) {
    auto next = [&request, &position, below](auto& work) {
        auto reached = position;  // the transaction may be repeated
        auto found = watch_next(work, request, reached, below);
        return std::make_pair(std::move(found), reached);
    };
    auto [event, reached] = co_await database_.transact(std::move(next));
    position = reached;
    co_return std::move(event);
}

std::shared_ptr<WatchHub::Feed> WatchHub::feed_for(const v1::WatchRequest& request,
                                                   std::string owner,
                                                   WatchPosition now) {
    auto shared = without_token(request);
    auto key = shared.SerializeAsString();
    const auto known = feeds_.find(key);
    if (known != feeds_.end()) return known->second;
    const auto own = std::ranges::count_if(
        feeds_, [&owner](const auto& each) { return each.second->owner == owner; });
    if (feeds_.size() >= kFeedsMax || own >= static_cast<std::ptrdiff_t>(kFeedsOfOneMax))
        throw RpcError{grpc::RESOURCE_EXHAUSTED,
                       "too many different things are watched at the same time"};
    auto feed = std::make_shared<Feed>();
    feed->request = std::move(shared);
    feed->owner = std::move(owner);
    feed->position = now;
    feeds_.emplace(key, feed);
    tasks_.spawn("feed", run(std::move(key), feed));  // there is room: a task is a feed
    metrics_.watch_feeds.set(static_cast<double>(feeds_.size()));
    return feed;
}

/// A feed's next event; waits out what passes.
Task<v1::WatchEvent> WatchHub::read_on(const Feed& feed, WatchPosition& position) {
    for (int tries = 1;; ++tries) {
        std::exception_ptr failure;
        try {
            co_return co_await read(feed.request, position, kAll);
        } catch (const PostgresUnavailable&) {
            failure = std::current_exception();
        } catch (const PostgresError&) {
            failure = std::current_exception();
        } catch (const Overloaded&) {
            failure = std::current_exception();
        }
        if (tries >= kTriesMax) std::rethrow_exception(failure);
        co_await sleep_for(kLook);
    }
}

/// Until nobody uses it, or Postgres fails it: then the watchers end with that.
Task<> WatchHub::run(std::string key, std::shared_ptr<Feed> feed) {
    try {
        do {  // who asked for it counts as a user once this waits
            auto position = feed->position;
            const auto event = co_await read_on(*feed, position);
            // From here on without a break: whoever finds the position has all before it, and is
            // handed all behind it.
            feed->position = position;
            if (event.decisions_size() > 0) hand_out(*feed, event);
            if (position.caught_up) co_await sleep_for(kEvery);
        } while (feed->users > 0);
    } catch (...) {
        feed->failure = std::current_exception();
    }
    feeds_.erase(key);
    metrics_.watch_feeds.set(static_cast<double>(feeds_.size()));
    for (auto* watcher : feed->watchers)
        watcher->stream.wake();
}

void WatchHub::hand_out(Feed& feed, const v1::WatchEvent& event) const {
    if (feed.watchers.empty()) return;
    const Batch batch{encoded(event), event.resume_token()};
    for (auto* watcher : feed.watchers) {
        if (watcher->behind) continue;
        watcher->waiting.push_back(batch);
        watcher->bytes += batch.bytes->Length();
        watcher->behind = watcher->bytes > kBacklogBytesMax;
        watcher->stream.wake();
    }
}

/// Sends what a watcher who resumes has missed, up to where the feed is.
/// @return false if the caller is gone
Task<bool> WatchHub::catch_up(v1::WatchRequest request,
                              WatchPosition position,
                              const Feed& feed,
                              WatchStream& stream,
                              const std::function<void()>& check) {
    while (position.next_txid != feed.position.next_txid) {
        if (feed.failure) std::rethrow_exception(feed.failure);
        check();
        if (position.next_txid > feed.position.next_txid) {  // of a moment ago: the feed comes
            if (!co_await stream.wait(kEvery)) co_return false;
            continue;
        }
        const auto event = co_await read(request, position, feed.position.next_txid);
        if (event.decisions_size() == 0) continue;
        auto bytes = encoded(event);
        if (!co_await stream.write(std::move(bytes))) co_return false;
    }
    co_return true;
}

Task<> WatchHub::serve(v1::WatchRequest request,
                       std::string owner,
                       std::shared_ptr<WatchStream> stream,
                       std::function<void()> check) {
    auto begin = [&request](auto& work) {
        const auto now = start_watch(work, without_token(request));
        return std::make_pair(start_watch(work, request), now);
    };
    auto [position, now] = co_await database_.transact(std::move(begin));
    Place place{feed_for(request, std::move(owner), now), *stream};
    auto& feed = place.feed();
    const bool resumes = !request.resume_token().empty();
    if (!resumes) place.take();
    // At once, so that a watcher that sees no decision for long can resume too.
    auto token = resume_token(resumes ? position : feed.position);
    auto bytes = encoded(token_alone(token));
    if (!co_await stream->write(std::move(bytes))) co_return;
    if (resumes) {
        if (!co_await catch_up(without_token(request), position, feed, *stream, check)) co_return;
        place.take();
    }
    co_await follow(place, std::move(token), *stream, check);
}

/// Sends what the feed hands out, until the caller goes.
/// @param sent  the token that the watcher had last
Task<> WatchHub::follow(Place& place,
                        std::string sent,
                        WatchStream& stream,
                        const std::function<void()>& check) const {
    auto& feed = place.feed();
    auto& watcher = place.watcher();
    auto last = clock_.steady_now();
    for (;;) {
        check();
        if (watcher.behind) {
            metrics_.watchers_cut_off.add();
            throw RpcError{
                grpc::RESOURCE_EXHAUSTED,
                "decisions come faster than they are read: go on with the resume_token " + sent};
        }
        WatchStream::Bytes bytes;
        if (!watcher.waiting.empty()) {
            bytes = std::move(watcher.waiting.front().bytes);
            sent = std::move(watcher.waiting.front().resume_token);
            watcher.waiting.pop_front();
            watcher.bytes -= bytes->Length();
        } else if (feed.failure) {
            std::rethrow_exception(feed.failure);
        } else if (clock_.steady_now() - last >=
                   kTokenEvery) {  // it has all that is before the feed
            sent = resume_token(feed.position);
            bytes = encoded(token_alone(sent));
        } else {
            if (!co_await stream.wait(kLook)) co_return;
            continue;
        }
        if (!co_await stream.write(std::move(bytes))) co_return;
        last = clock_.steady_now();
    }
}

}  // namespace quorate::coordinator

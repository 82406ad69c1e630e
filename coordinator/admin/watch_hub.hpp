#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "coordinator/admin/watch_stream.hpp"
#include "coordinator/catalog/reports.hpp"
#include "coordinator/coordinator_metrics.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::coordinator {

/// Gives watchers their decisions. Those who ask for the same share a feed: it asks Postgres five
/// times a second, and what it finds is encoded once for all of them. Who resumes reads by itself
/// up to where the feed is, and then takes a place there, so that nothing is told twice or left
/// out. All on one executor.
class WatchHub {
public:
    static constexpr milliseconds kEvery{200};
    /// What waits for a watcher, encoded. Who is further behind is cut off, with the token to go on
    /// from.
    static constexpr std::size_t kBacklogBytesMax = std::size_t{4} << 20U;
    /// A watcher for whom nothing comes is told so often how far the feed is: it can resume from
    /// there, and both sides notice where the way between them is gone.
    static constexpr std::chrono::seconds kTokenEvery{10};
    static constexpr std::size_t kFeedsMax = 64;       ///< each is a query every kEvery
    static constexpr std::size_t kFeedsOfOneMax = 16;  ///< begun by one credential
    /// A read that fails is tried again so often, a second apart, before the watchers end with it.
    static constexpr int kTriesMax = 5;

    WatchHub(asio::any_io_executor executor, Database& database, const CoordinatorMetrics& metrics);

    /// Sends decisions until the caller goes.
    /// @param request narrowed to what the caller may have
    /// @param owner the caller's credential
    /// @param check throws where they may have it no longer
    /// Throws RpcError, BadRequest, OutOfRange, as Database::transact, and what `check` threw.
    Task<> serve(v1::WatchRequest request,
                 std::string owner,
                 std::shared_ptr<WatchStream> stream,
                 std::function<void()> check);

    /// Ends all feeds. After the watchers have ended.
    Task<> stop();

private:
    struct Batch {
        WatchStream::Bytes bytes;
        std::string resume_token;
    };
    struct Watcher {
        explicit Watcher(WatchStream& to) : stream{to} {}
        WatchStream& stream;
        std::deque<Batch> waiting;
        std::size_t bytes = 0;  ///< of what waits
        bool behind = false;
    };
    struct Feed {
        v1::WatchRequest request;
        std::string owner;
        WatchPosition position;
        std::set<Watcher*> watchers;
        std::size_t users = 0;  ///< watchers, and those on their way to it
        std::exception_ptr failure;
    };
    class Place;
    std::shared_ptr<Feed> feed_for(const v1::WatchRequest& request,
                                   std::string owner,
                                   WatchPosition now);
    Task<v1::WatchEvent> read_on(const Feed& feed, WatchPosition& position);
    Task<> run(std::string key, std::shared_ptr<Feed> feed);
    Task<> follow(Place& place,
                  std::string sent,
                  WatchStream& stream,
                  const std::function<void()>& check) const;
    Task<bool> catch_up(v1::WatchRequest request,
                        WatchPosition position,
                        const Feed& feed,
                        WatchStream& stream,
                        const std::function<void()>& check);
    Task<v1::WatchEvent> read(const v1::WatchRequest& request,
                              WatchPosition& position,
                              std::uint64_t below);
    void hand_out(Feed& feed, const v1::WatchEvent& event) const;

    SystemClock clock_;
    Database& database_;
    const CoordinatorMetrics& metrics_;
    std::map<std::string, std::shared_ptr<Feed>> feeds_;  // by what is asked for, encoded
    TaskGroup tasks_;
};

}  // namespace quorate::coordinator

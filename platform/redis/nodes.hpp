#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/redis/link.hpp"
#include "platform/redis/topology.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::detail {

/// A node of a cluster and the connection to it.
struct RedisNode {
    RedisAddress address;
    std::shared_ptr<RedisLink> link;
};
using RedisNodePtr = std::shared_ptr<const RedisNode>;

/// The nodes of a Redis Cluster: who serves which slot, learned by CLUSTER SLOTS from any of them
/// and corrected by MOVED; of this folder alone.
class RedisNodes : public std::enable_shared_from_this<RedisNodes> {
public:
    RedisNodes(asio::any_io_executor executor, RedisClientOptions options);

    /// Keeps the topology and a connection to each master, until cancelled.
    Task<> serve();

    /// Who serves the slot; nullptr where nobody does or the topology is not known (yet).
    RedisNodePtr for_slot(std::uint16_t slot) const;
    /// Who gets commands without a key: the master of the lowest slots among those that are
    /// connected, or of all where none is. nullptr while the topology is not known.
    RedisNodePtr home() const;
    /// All masters, in the order of their lowest slots; none while the topology is not known.
    const std::vector<RedisNodePtr>& masters() const { return masters_; }
    /// The node there, known before or not; nullptr where there are too many.
    RedisNodePtr at(const RedisAddress& address);
    /// What a MOVED says.
    void move_slot(std::uint16_t slot, const RedisAddress& to);
    /// Asks for the topology soon.
    void look_again();
    /// Waits until the topology changes, at most until `until`.
    Task<> change(Deadline until);

    bool reachable() const { return reachable_; }
    bool stopped() const { return stopped_; }
    /// What was wrong last.
    const std::string& why() const { return why_; }
    void on_change(RedisRoute::OnChange callback) { callback_ = std::move(callback); }

private:
    Task<> follow();
    Task<bool> look();
    std::vector<RedisAddress> whom_to_ask();
    void apply(const RedisTopology& topology);
    bool all_connected() const;
    void drop_strangers();
    void wake();
    void link_changed(const RedisAddress& address, bool reachable, const std::string& why);
    void update();

    asio::any_io_executor executor_;
    RedisClientOptions options_;
    std::map<std::string, RedisNodePtr> nodes_;  // by their addresses' text
    std::vector<RedisNodePtr> masters_;          // in the order of their lowest slots
    std::vector<std::uint16_t> owners_;          // of slots, indices in `masters_`
    TaskGroup* serving_ = nullptr;               // while `serve` runs
    asio::steady_timer next_look_;
    std::list<asio::steady_timer*> waiting_;  // for a change
    std::size_t looks_ = 0;
    bool look_wanted_ = false;
    bool reachable_ = false;
    bool told_ = false;
    bool stopped_ = false;
    std::string why_ = "not connected yet";
    RedisRoute::OnChange callback_;
};

}  // namespace quorate::detail

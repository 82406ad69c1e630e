#include "platform/redis/topology.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "platform/redis/convert.hpp"
#include "platform/redis/slot.hpp"

namespace quorate::detail {

namespace {

constexpr std::size_t kMastersMax = 1000;

/// One row: first slot, last slot, master, replicas.
struct Range {
    std::size_t first = 0;
    std::size_t last = 0;
    RedisAddress master;
};

RedisAddress at(const RedisAddress& like, std::string_view host, std::uint16_t port) {
    auto address = like;
    if (!host.empty()) address.host = host;
    address.port = port;
    return address;
}

std::optional<Range> parse_range(const RedisReply& reply, const RedisAddress& asked) {
    const auto& row = reply.list();
    if (row.size() < 3) return std::nullopt;
    const auto first = row[0].integer();
    const auto last = row[1].integer();
    const auto& node = row[2].list();
    if (first < 0 || last < first || last >= static_cast<std::int64_t>(kRedisSlots) ||
        node.size() < 2)
        return std::nullopt;
    const auto port = node[1].integer();
    // `?` is a host name that the node itself does not know.
    const auto host = node[0].is_nil() ? std::string{} : node[0].text();
    if (port < 1 || port > 65'535 || host == "?") return std::nullopt;
    return Range{static_cast<std::size_t>(first),
                 static_cast<std::size_t>(last),
                 at(asked, host, static_cast<std::uint16_t>(port))};
}

std::uint16_t index_of(std::vector<RedisAddress>& masters, const RedisAddress& master) {
    auto found = std::find(masters.begin(), masters.end(), master);
    if (found == masters.end()) found = masters.insert(masters.end(), master);
    return static_cast<std::uint16_t>(found - masters.begin());
}

}  // namespace

std::optional<RedisTopology> parse_topology(const RedisReply& reply, const RedisAddress& asked) {
    std::vector<Range> ranges;
    try {
        for (const auto& row : reply.list())
            if (auto range = parse_range(row, asked)) ranges.push_back(*std::move(range));
    } catch (const RedisError&) {  // of another type than promised
        return std::nullopt;
    }
    std::sort(ranges.begin(), ranges.end(), [](const auto& left, const auto& right) {
        return left.first < right.first;
    });
    RedisTopology topology;
    topology.owners.assign(kRedisSlots, RedisTopology::kNobody);
    for (const auto& range : ranges) {
        const auto owner = index_of(topology.masters, range.master);
        if (topology.masters.size() > kMastersMax) return std::nullopt;
        std::fill(topology.owners.begin() + static_cast<std::ptrdiff_t>(range.first),
                  topology.owners.begin() + static_cast<std::ptrdiff_t>(range.last) + 1,
                  owner);
    }
    if (topology.masters.empty()) return std::nullopt;
    return topology;
}

std::optional<RedisRedirect> parse_redirect(const std::string& error, const RedisAddress& from) {
    std::string_view text = error;
    RedisRedirect redirect;
    if (text.starts_with("MOVED "))
        redirect.for_good = true;
    else if (!text.starts_with("ASK "))
        return std::nullopt;
    text.remove_prefix(text.find(' ') + 1);
    const auto space = text.find(' ');
    const auto slot = parse_number<std::uint16_t>(text.substr(0, space));
    if (space == std::string_view::npos || !slot || *slot >= kRedisSlots) return std::nullopt;
    text.remove_prefix(space + 1);
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
    if (!port || *port == 0) return std::nullopt;
    redirect.slot = *slot;
    redirect.to = at(from, text.substr(0, colon), *port);
    return redirect;
}

}  // namespace quorate::detail

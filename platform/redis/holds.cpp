#include "platform/redis/holds.hpp"

#include <utility>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"

namespace quorate {
namespace {

constexpr std::size_t kPage = 1000;

/// An entry is {id, {"h", "<endpoint> <url> <until_ms>"}}.
bool read_hold(const std::string& text, Hold& hold) {
    const auto first = text.find(' ');
    const auto second = text.find(' ', first + 1);
    if (first == std::string::npos || second == std::string::npos) return false;
    const auto endpoint = detail::parse_number<std::uint64_t>(text.substr(0, first));
    const auto url =
        detail::parse_number<std::uint64_t>(text.substr(first + 1, second - first - 1));
    const auto until = detail::parse_number<std::int64_t>(text.substr(second + 1));
    if (!endpoint || !url || !until) return false;
    hold = {EndpointId{*endpoint}, *url, detail::from_ms(*until)};
    return true;
}

}  // namespace

Task<> tell_holds(RedisClient& client, std::string region, std::vector<Hold> holds) {
    if (holds.empty()) co_return;
    const auto key = keys::holds(region);
    std::vector<RedisArgs> commands;
    for (const auto& hold : holds)
        commands.push_back({"XADD",
                            key,
                            "MAXLEN",
                            "~",
                            std::to_string(kHoldsKept),
                            "*",
                            "h",
                            std::to_string(hold.endpoint.value()) + " " + std::to_string(hold.url) +
                                " " + std::to_string(detail::to_ms(hold.until))});
    commands.push_back({"EXPIRE", key, std::to_string(kHoldsKeptFor.count())});
    const auto replies = co_await client.run_all(std::move(commands));
}

Task<HoldsPage> read_holds(RedisClient& client, std::string region, std::string after) {
    RedisArgs command{"XRANGE",
                      keys::holds(region),
                      after.empty() ? std::string{"-"} : "(" + after,
                      "+",
                      "COUNT",
                      std::to_string(kPage)};
    const auto reply = co_await client.run(std::move(command));
    HoldsPage page;
    page.last = std::move(after);
    for (const auto& entry : reply.list()) {
        const auto& parts = entry.list();
        page.last = parts.at(0).text();
        Hold hold;
        if (read_hold(parts.at(1).list().at(1).text(), hold)) page.holds.push_back(hold);
    }
    co_return page;
}

}  // namespace quorate

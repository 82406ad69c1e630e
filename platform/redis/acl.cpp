#include "platform/redis/acl.hpp"

#include <stdexcept>

#include "platform/redis/keys.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

namespace {

/// What the connection itself needs: alone, behind sentinels, in a cluster.
constexpr std::string_view kForTheConnection = "+ping +time +role +cluster|slots +asking";

/// Job queue and heartbeats, by JobConsumer, its scripts and fleet.hpp.
constexpr std::string_view kOnTheQueue =
    "+xreadgroup +xgroup|create +xpending +xclaim +xack +xdel +evalsha +xrange +xadd "
    "+xinfo|consumers +xgroup|delconsumer";
constexpr std::string_view kOnHeartbeats = "+hgetall +hset +hdel +evalsha +hget +hincrby";

/// What servers asked for, by holds.hpp.
constexpr std::string_view kOnHolds = "+xadd +xrange +expire";

/// What tool lists say, by manifests.hpp: written, never read.
constexpr std::string_view kOnManifests = "+set";

/// Looks that operators want at once, by orders.hpp; answers are written, never read.
constexpr std::string_view kOnOrders = "+blpop";
constexpr std::string_view kOnAnswers = "+set";

/// CellBuffer::record, by record.lua and late.lua.
constexpr std::string_view kOnCells =
    "+evalsha +get +set +strlen +getrange +setrange +expire +hget +hset +hdel +llen +rpush";
/// What the same scripts read of others.
constexpr std::string_view kReadOfCells = "(+get %R~{s*}:sealed %R~{s*}:r*:p:*)";

void add_words(std::vector<std::string>& rules, std::string_view words) {
    while (!words.empty()) {
        const auto end = words.find(' ');
        rules.emplace_back(words.substr(0, end));
        words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
    }
}

std::string selector(std::string_view commands, const std::string& key) {
    return "(" + std::string{commands} + " ~" + key + ")";
}

}  // namespace

std::string agent_acl_user(std::string_view region) {
    return "agent-" + std::string{region};
}

std::vector<std::string> agent_acl_rules(std::string_view name, RegionId region) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (name.empty() || name.find_first_not_of(kLetters) != std::string_view::npos)
        throw std::invalid_argument{"no name of a region"};
    std::vector<std::string> rules{"resetkeys", "resetchannels", "clearselectors", "-@all"};
    add_words(rules, kForTheConnection);
    rules.push_back(selector(kOnTheQueue, keys::jobs(name)));
    rules.push_back(selector(kOnHeartbeats, keys::agents(name) + " ~" + keys::counts(name)));
    rules.push_back("(+get %R~" + keys::cordoned(name) + ")");
    rules.push_back(selector(kOnHolds, keys::holds(name)));
    rules.push_back(selector(kOnManifests, keys::manifest(name, "*")));
    rules.push_back(selector(kOnOrders, keys::orders(name)));
    rules.push_back(selector(kOnAnswers, keys::answer(name, "*")));
    rules.push_back(selector(kOnCells, "{s*}:r" + std::to_string(region.value()) + ":*"));
    rules.emplace_back(kReadOfCells);
    return rules;
}

std::vector<std::string_view> agent_scripts() {
    return {scripts::record,
            scripts::late,
            scripts::give_back,
            scripts::forget_agent,
            scripts::forget_consumers};
}

}  // namespace quorate

#include "platform/redis/fleet.hpp"

#include <algorithm>
#include <array>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

namespace {

UtcTime time_of(const RedisReply& reply) {
    const auto& parts = reply.list();
    const auto seconds = detail::parse_number<std::int64_t>(parts.at(0).text());
    const auto us = detail::parse_number<std::int64_t>(parts.at(1).text());
    if (!seconds || !us) throw RedisError{"TYPE TIME gave no numbers"};
    return UtcTime{std::chrono::seconds{*seconds} + microseconds{*us}};
}

constexpr std::array kStates{AgentState::working,
                             AgentState::overloaded,
                             AgentState::blind,
                             AgentState::draining,
                             AgentState::cordoned,
                             AgentState::skewed};

/// A state that this version does not know is none in which an agent takes all jobs.
AgentState state_named(std::string_view name) {
    const auto found =
        std::ranges::find_if(kStates, [&](AgentState state) { return name_of(state) == name; });
    return found == kStates.end() ? AgentState::draining : *found;
}

}  // namespace

std::string_view name_of(AgentState state) {
    switch (state) {
        case AgentState::working:
            return "working";
        case AgentState::overloaded:
            return "overloaded";
        case AgentState::blind:
            return "blind";
        case AgentState::draining:
            return "draining";
        case AgentState::cordoned:
            return "cordoned";
        case AgentState::skewed:
            return "skewed";
    }
    return {};
}

std::string encode_heartbeat(const Heartbeat& heartbeat) {
    const boost::json::object object{
        {"version", heartbeat.version},
        {"started_at_ms", detail::to_ms(heartbeat.started_at)},
        {"at_ms", detail::to_ms(heartbeat.at)},
        {"in_flight", heartbeat.in_flight},
        {"lag_ms", heartbeat.lag.count()},
        {"load", heartbeat.load},
        {"state", boost::json::string{name_of(heartbeat.state)}},
        {"clock_offset_ms", heartbeat.clock_offset.count()},
        {"probes_total", heartbeat.probes_total},
        {"missed_total", heartbeat.missed_total},
        {"duplicates_total", heartbeat.duplicates_total},
        {"held_back_total", heartbeat.held_back_total},
        {"spooled", heartbeat.spooled},
        {"instance", heartbeat.instance},
    };
    return boost::json::serialize(object);
}

std::optional<Heartbeat> decode_heartbeat(std::string_view agent, std::string_view json) {
    boost::system::error_code error;
    const auto value = boost::json::parse({json.data(), json.size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    const auto& object = value.get_object();
    bool good = true;
    const auto number = [&](std::string_view name) -> std::int64_t {
        const auto* field = object.if_contains({name.data(), name.size()});
        if (field == nullptr || !field->is_int64()) good = false;
        return good ? field->get_int64() : 0;
    };
    Heartbeat heartbeat;
    heartbeat.agent = agent;
    const auto* version = object.if_contains("version");
    if (version == nullptr || !version->is_string()) return std::nullopt;
    heartbeat.version = version->get_string().c_str();
    heartbeat.started_at = detail::from_ms(number("started_at_ms"));
    heartbeat.at = detail::from_ms(number("at_ms"));
    heartbeat.in_flight = static_cast<std::uint32_t>(number("in_flight"));
    heartbeat.lag = milliseconds{number("lag_ms")};
    if (const auto* load = object.if_contains("load"); load != nullptr && load->is_number())
        heartbeat.load = load->to_number<double>();
    if (const auto* state = object.if_contains("state"); state != nullptr && state->is_string())
        heartbeat.state = state_named(state->get_string());
    if (const auto* instance = object.if_contains("instance");
        instance != nullptr && instance->is_string())
        heartbeat.instance = instance->get_string().c_str();
    heartbeat.clock_offset = milliseconds{number("clock_offset_ms")};
    heartbeat.probes_total = static_cast<std::uint64_t>(number("probes_total"));
    const auto later = [&](std::string_view name) -> std::uint64_t {
        return object.contains({name.data(), name.size()})
                   ? static_cast<std::uint64_t>(number(name))
                   : 0;
    };
    heartbeat.missed_total = later("missed_total");
    heartbeat.duplicates_total = later("duplicates_total");
    heartbeat.held_back_total = later("held_back_total");
    heartbeat.spooled = later("spooled");
    return good ? std::optional{heartbeat} : std::nullopt;
}

Task<> write_heartbeat(RedisClient& client, std::string region, Heartbeat heartbeat) {
    RedisArgs command{"HSET", keys::agents(region), heartbeat.agent, encode_heartbeat(heartbeat)};
    const auto reply = co_await client.run(std::move(command));
}

Task<std::vector<RegionAgents>> read_heartbeats(RedisClient& client,
                                                std::vector<std::string> regions) {
    std::vector<RedisArgs> commands;
    commands.reserve(regions.size());
    for (const auto& region : regions)
        commands.push_back({"HGETALL", keys::agents(region)});
    const auto replies = co_await client.try_now(std::move(commands));
    std::vector<RegionAgents> fleets;
    for (const auto& reply : replies) {
        auto& fleet = fleets.emplace_back();
        if (const auto* why = reply.unavailable()) {
            fleet.unavailable = *why;
            continue;
        }
        const auto& fields = reply.list();
        for (std::size_t i = 0; i + 1 < fields.size(); i += 2)
            if (auto heartbeat = decode_heartbeat(fields[i].text(), fields[i + 1].text()))
                fleet.agents.push_back(*std::move(heartbeat));
        std::ranges::sort(fleet.agents, {}, &Heartbeat::agent);
    }
    co_return fleets;
}

// One string, so that it is replaced as a whole.
Task<std::vector<std::string>> read_cordoned(RedisClient& client, std::string region) {
    RedisArgs command{"GET", keys::cordoned(region)};
    const auto reply = co_await client.run(std::move(command));
    std::vector<std::string> agents;
    if (reply.is_nil()) co_return agents;
    std::istringstream lines{std::string{reply.text()}};
    for (std::string agent; std::getline(lines, agent);)
        agents.push_back(agent);
    co_return agents;
}

Task<> write_cordoned(RedisClient& client, std::string region, std::vector<std::string> agents) {
    RedisArgs command{"SET", keys::cordoned(region), fmt::format("{}", fmt::join(agents, "\n"))};
    if (agents.empty()) command = {"DEL", keys::cordoned(region)};
    const auto reply = co_await client.run(std::move(command));
}

Task<> forget_agent(RedisClient& client,
                    std::string region,
                    std::string agent,
                    std::string instance) {
    static const RedisScript kScript{scripts::forget_agent};
    RedisScript::Call call;
    call.keys = {keys::agents(region), keys::counts(region)};
    call.arguments = {agent, std::move(instance)};
    try {
        const auto reply = co_await kScript.run(client, std::move(call));
        co_return;
    } catch (const RedisUnavailable&) {  // it does not know the script yet, or is away
    } catch (const RedisError&) {        // our rights are of an older coordinator
    }
    RedisArgs command{"HDEL", keys::agents(region), std::move(agent)};
    const auto reply = co_await client.run(std::move(command));
}

Task<std::vector<AgentCounts>> read_counts(RedisClient& client, std::vector<std::string> regions) {
    std::vector<RedisArgs> commands;
    commands.reserve(regions.size());
    for (const auto& region : regions)
        commands.push_back({"HMGET", keys::counts(region), "missed", "duplicates", "held_back"});
    const auto replies = co_await client.try_now(std::move(commands));
    std::vector<AgentCounts> counts(regions.size());
    for (std::size_t i = 0; i < regions.size(); ++i) {
        if (replies[i].unavailable() != nullptr) continue;
        const auto& fields = replies[i].list();
        const auto number = [&fields](std::size_t field) -> std::uint64_t {
            if (fields.at(field).is_nil()) return 0;
            return detail::parse_number<std::uint64_t>(fields.at(field).text()).value_or(0);
        };
        counts[i] = {number(0), number(1), number(2)};
    }
    co_return counts;
}

Task<UtcTime> redis_time(RedisClient& client) {
    RedisArgs command{"TIME"};
    const auto reply = co_await client.run(std::move(command));
    co_return time_of(reply);
}

Task<ClockOffset> measure_clock_offset(RedisClient& client, const Clock& clock) {
    const auto asked_at = clock.utc_now();
    const auto asked = clock.steady_now();
    const auto there = co_await redis_time(client);
    const auto round_trip = std::chrono::duration_cast<microseconds>(clock.steady_now() - asked);
    co_return ClockOffset{there - (asked_at + round_trip / 2), round_trip};
}

}  // namespace quorate

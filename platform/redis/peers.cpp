#include "platform/redis/peers.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "platform/redis/convert.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

std::string encode_beat(const PeerBeat& beat) {
    boost::json::object object{
        {"version", beat.version}, {"current", beat.current}, {"shards", beat.shards}};
    if (beat.generation) object["generation"] = *beat.generation;
    return boost::json::serialize(object);
}

std::optional<PeerBeat> decode_beat(std::string_view name, UtcTime at, std::string_view json) {
    boost::system::error_code error;
    const auto value = boost::json::parse({json.data(), json.size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    const auto& object = value.get_object();
    const auto* version = object.if_contains("version");
    const auto* current = object.if_contains("current");
    const auto* shards = object.if_contains("shards");
    const auto* generation = object.if_contains("generation");
    if (version == nullptr || !version->is_string() || current == nullptr || !current->is_bool() ||
        shards == nullptr || !shards->is_int64() ||
        (generation != nullptr && !generation->is_int64()))
        return std::nullopt;
    PeerBeat beat;
    beat.name = name;
    beat.at = at;
    beat.version = version->get_string().c_str();
    if (generation != nullptr) beat.generation = generation->get_int64();
    beat.current = current->get_bool();
    beat.shards = static_cast<std::uint32_t>(shards->get_int64());
    return beat;
}

Task<PeersView> beat(RedisClient& client, SharedWork work, PeerBeat own, std::string instance) {
    static const RedisScript kScript{scripts::peer_beat};
    RedisScript::Call call;
    call.keys = {keys::heartbeats(work)};
    call.arguments = {own.name,
                      std::move(instance),
                      encode_beat(own),
                      std::to_string(kPeerAliveFor.count()),
                      std::to_string(kPeerForgottenAfter.count())};
    std::vector<RedisScript::Call> calls;
    calls.push_back(std::move(call));
    const auto replies = co_await kScript.try_now(client, std::move(calls));
    const auto& reply = replies.front();
    PeersView view;
    view.at = detail::from_ms(reply.list().at(0).integer());
    view.name_taken = reply.list().at(1).integer() == 0;
    const auto& rows = reply.list().at(2).list();
    for (std::size_t i = 0; i + 2 < rows.size(); i += 3)
        if (auto beat = decode_beat(
                rows[i].text(), detail::from_ms(rows[i + 1].integer()), rows[i + 2].text()))
            view.beats.push_back(*std::move(beat));
    std::ranges::sort(view.beats, {}, &PeerBeat::name);
    co_return view;
}

Task<PeersView> read_peers(RedisClient& client, SharedWork work) {
    PeersView view;
    view.at = co_await redis_time(client);
    RedisArgs command{"HGETALL", keys::heartbeats(work)};
    const auto reply = co_await client.run(std::move(command));
    const auto& fields = reply.list();
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
        const auto& text = fields[i + 1].text();
        const auto first = text.find(' ');
        const auto second = first == std::string::npos ? first : text.find(' ', first + 1);
        if (second == std::string::npos) continue;
        const auto at = detail::parse_number<std::int64_t>(std::string_view{text}.substr(0, first));
        if (!at) continue;
        if (auto beat = decode_beat(
                fields[i].text(), detail::from_ms(*at), std::string_view{text}.substr(second + 1)))
            view.beats.push_back(*std::move(beat));
    }
    std::ranges::sort(view.beats, {}, &PeerBeat::name);
    co_return view;
}

Task<> forget_peer(RedisClient& client, SharedWork work, std::string name) {
    RedisArgs command{"HDEL", keys::heartbeats(work), std::move(name)};
    const auto reply = co_await client.run(std::move(command));
}

}  // namespace quorate

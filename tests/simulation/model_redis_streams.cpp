// The streams of the model Redis.
#include <algorithm>
#include <limits>
#include <stdexcept>

#include "tests/simulation/model_redis.hpp"

namespace quorate::simulation {
namespace {

using StreamId = ModelRedis::StreamId;

constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();

std::string text_of(const StreamId& id) {
    return std::to_string(id.first) + "-" + std::to_string(id.second);
}

/// @param sequence of an id that gives none
StreamId id_of(const std::string& text, std::uint64_t sequence) {
    const auto dash = text.find('-');
    const auto ms = static_cast<std::uint64_t>(integer_of(text.substr(0, dash)));
    if (dash == std::string::npos) return {ms, sequence};
    return {ms, static_cast<std::uint64_t>(integer_of(text.substr(dash + 1)))};
}

StreamId next(const StreamId& id) {
    return id.second == kMost ? StreamId{id.first + 1, 0} : StreamId{id.first, id.second + 1};
}

StreamId first_of(const std::string& text) {
    if (text == "-") return {0, 0};
    if (text.starts_with('(')) return next(id_of(text.substr(1), 0));
    return id_of(text, 0);
}

StreamId last_of(const std::string& text) {
    return text == "+" ? StreamId{kMost, kMost} : id_of(text, kMost);
}

RedisReply reply_of(const StreamId& id, const ModelRedis::Fields* fields) {
    RedisReply::List texts;
    if (fields != nullptr)
        for (const auto& field : *fields)
            texts.emplace_back(field);
    return RedisReply{RedisReply::List{
        RedisReply{text_of(id)}, fields == nullptr ? RedisReply{} : RedisReply{std::move(texts)}}};
}

[[noreturn]] void no_group(const std::string& key, const std::string& group, const char* more) {
    throw RedisError{"NOGROUP No such key '" + key + "' or consumer group '" + group + "'" + more};
}

}  // namespace

ModelRedis::Group* ModelRedis::group_at(const std::string& key, const std::string& name) {
    auto* stream = at<Stream>(key);
    if (stream == nullptr) return nullptr;
    const auto found = stream->groups.find(name);
    return found == stream->groups.end() ? nullptr : &found->second;
}

RedisReply ModelRedis::xadd(const RedisArgs& args) {
    std::size_t i = 2;
    if (args.at(i) == "MAXLEN") {
        // Redis cuts whole nodes of many entries; so long no stream becomes here.
        if (args.at(i + 1) != "~") throw std::logic_error{"the model's XADD trims roughly alone"};
        i += 3;
    }
    auto& stream = made_at<Stream>(args.at(1));
    StreamId id;
    if (args.at(i) == "*") {
        id = {static_cast<std::uint64_t>(now_ms()), 0};
        if (id <= stream.last) id = next(stream.last);
    } else {
        id = id_of(args.at(i), 0);
        if (id <= stream.last)
            throw RedisError{
                "ERR The ID specified in XADD is equal or smaller than the target stream top item"};
    }
    stream.last = id;
    stream.entries[id] = Fields{args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end()};
    ++additions_;
    return RedisReply{text_of(id)};
}

RedisReply ModelRedis::xlen(const RedisArgs& args) {
    const auto* stream = at<Stream>(args.at(1));
    return RedisReply{static_cast<std::int64_t>(stream == nullptr ? 0 : stream->entries.size())};
}

RedisReply ModelRedis::xrange(const RedisArgs& args) {
    const auto first = first_of(args.at(2));
    const auto last = last_of(args.at(3));
    auto most = std::numeric_limits<std::int64_t>::max();
    if (args.size() > 4) {
        if (args.at(4) != "COUNT") throw std::logic_error{"the model's XRANGE has no " + args[4]};
        most = integer_of(args.at(5));
    }
    RedisReply::List entries;
    if (auto* stream = at<Stream>(args.at(1)))
        for (auto entry = stream->entries.lower_bound(first);
             entry != stream->entries.end() && entry->first <= last && most > 0;
             ++entry, --most)
            entries.push_back(reply_of(entry->first, &entry->second));
    return RedisReply{std::move(entries)};
}

RedisReply ModelRedis::xdel(const RedisArgs& args) {
    std::int64_t count = 0;
    if (auto* stream = at<Stream>(args.at(1)))
        for (std::size_t i = 2; i < args.size(); ++i)
            count += static_cast<std::int64_t>(stream->entries.erase(id_of(args[i], 0)));
    return RedisReply{count};
}

RedisReply ModelRedis::xtrim(const RedisArgs& args) {
    if (args.at(2) != "MINID" || args.size() != 4)
        throw std::logic_error{"the model's XTRIM knows MINID alone"};
    const auto before = id_of(args.at(3), 0);
    auto* stream = at<Stream>(args.at(1));
    if (stream == nullptr) return RedisReply{std::int64_t{0}};
    const auto end = stream->entries.lower_bound(before);
    const auto count = std::distance(stream->entries.begin(), end);
    stream->entries.erase(stream->entries.begin(), end);
    return RedisReply{static_cast<std::int64_t>(count)};
}

RedisReply ModelRedis::xgroup(const RedisArgs& args) {
    if (args.at(1) == "DELCONSUMER") {
        auto* group = group_at(args.at(2), args.at(3));
        if (group == nullptr) no_group(args.at(2), args.at(3), "");
        group->consumers.erase(args.at(4));
        const auto count = std::erase_if(
            group->pending, [&](const auto& each) { return each.second.consumer == args[4]; });
        return RedisReply{static_cast<std::int64_t>(count)};
    }
    if (args.at(1) == "DESTROY") {
        auto* stream = at<Stream>(args.at(2));
        const auto count = stream == nullptr ? 0 : stream->groups.erase(args.at(3));
        return RedisReply{static_cast<std::int64_t>(count)};
    }
    if (args.at(1) != "CREATE" || args.size() != 6 || args.at(5) != "MKSTREAM")
        throw std::logic_error{"the model's XGROUP has no " + args.at(1) + " of this form"};
    auto& stream = made_at<Stream>(args.at(2));
    if (stream.groups.contains(args.at(3)))
        throw RedisError{"BUSYGROUP Consumer Group name already exists"};
    stream.groups[args.at(3)].last_delivered = id_of(args.at(4), 0);
    return RedisReply{std::string{"OK"}};
}

RedisReply ModelRedis::xinfo(const RedisArgs& args) {
    if (args.at(1) != "CONSUMERS")
        throw std::logic_error{"the model's XINFO knows CONSUMERS alone"};
    if (find(args.at(2)) == nullptr) throw RedisError{"ERR no such key"};
    auto* group = group_at(args[2], args.at(3));
    if (group == nullptr) no_group(args[2], args[3], "");
    RedisReply::List rows;
    for (const auto& [name, seen_ms] : group->consumers) {
        const auto pending = std::ranges::count_if(
            group->pending, [&](const auto& each) { return each.second.consumer == name; });
        const auto idle = std::max<std::int64_t>(0, now_ms() - seen_ms);
        rows.emplace_back(RedisReply::List{RedisReply{std::string{"name"}},
                                           RedisReply{name},
                                           RedisReply{std::string{"pending"}},
                                           RedisReply{static_cast<std::int64_t>(pending)},
                                           RedisReply{std::string{"idle"}},
                                           RedisReply{idle}});
    }
    return RedisReply{std::move(rows)};
}

RedisReply ModelRedis::xreadgroup(const RedisArgs& args) {
    if (args.at(1) != "GROUP") throw std::logic_error{"XREADGROUP without GROUP"};
    const auto& consumer = args.at(3);
    auto most = std::numeric_limits<std::int64_t>::max();
    std::size_t i = 4;
    for (; args.at(i) != "STREAMS"; i += 2) {
        if (args[i] == "COUNT")
            most = integer_of(args.at(i + 1));
        else if (args[i] != "BLOCK")
            throw std::logic_error{"the model's XREADGROUP has no " + args[i]};
    }
    if (args.size() != i + 3) throw std::logic_error{"the model reads one stream at a time"};
    const auto& key = args[i + 1];
    auto* group = group_at(key, args.at(2));
    if (group == nullptr) no_group(key, args.at(2), " in XREADGROUP with GROUP option");
    auto& stream = *at<Stream>(key);
    group->consumers[consumer] = now_ms();
    RedisReply::List entries;
    if (args[i + 2] == ">") {
        for (auto entry = stream.entries.upper_bound(group->last_delivered);
             entry != stream.entries.end() && most > 0;
             ++entry, --most) {
            group->last_delivered = entry->first;
            group->pending[entry->first] = {consumer, now_ms(), 1};
            entries.push_back(reply_of(entry->first, &entry->second));
        }
        if (entries.empty()) return RedisReply{};
    } else {
        for (auto pending = group->pending.upper_bound(id_of(args[i + 2], 0));
             pending != group->pending.end() && most > 0;
             ++pending) {
            if (pending->second.consumer != consumer) continue;
            --most;
            const auto entry = stream.entries.find(pending->first);
            const bool gone = entry == stream.entries.end();
            entries.push_back(reply_of(pending->first, gone ? nullptr : &entry->second));
            if (gone) continue;
            pending->second.delivered_ms = now_ms();
            ++pending->second.deliveries;
        }
    }
    RedisReply::List of_stream{RedisReply{key}, RedisReply{std::move(entries)}};
    return RedisReply{RedisReply::List{RedisReply{std::move(of_stream)}}};
}

RedisReply ModelRedis::xack(const RedisArgs& args) {
    if (on_acknowledge) on_acknowledge(args);
    auto* group = group_at(args.at(1), args.at(2));
    std::int64_t count = 0;
    for (std::size_t i = 3; group != nullptr && i < args.size(); ++i)
        count += static_cast<std::int64_t>(group->pending.erase(id_of(args[i], 0)));
    return RedisReply{count};
}

RedisReply ModelRedis::xpending(const RedisArgs& args) {
    auto* group = group_at(args.at(1), args.at(2));
    if (group == nullptr) no_group(args.at(1), args.at(2), "");
    if (args.size() == 3) {
        if (group->pending.empty())
            return RedisReply{RedisReply::List{
                RedisReply{std::int64_t{0}}, RedisReply{}, RedisReply{}, RedisReply{}}};
        std::map<std::string, int> consumers;
        for (const auto& [id, pending] : group->pending)
            ++consumers[pending.consumer];
        RedisReply::List rows;
        for (const auto& [consumer, count] : consumers)
            rows.emplace_back(
                RedisReply::List{RedisReply{consumer}, RedisReply{std::to_string(count)}});
        return RedisReply{
            RedisReply::List{RedisReply{static_cast<std::int64_t>(group->pending.size())},
                             RedisReply{text_of(group->pending.begin()->first)},
                             RedisReply{text_of(group->pending.rbegin()->first)},
                             RedisReply{std::move(rows)}}};
    }
    std::size_t i = 3;
    std::int64_t idle_least = 0;
    if (args.at(i) == "IDLE") {
        idle_least = integer_of(args.at(i + 1));
        i += 2;
    }
    const auto first = first_of(args.at(i));
    const auto last = last_of(args.at(i + 1));
    auto most = integer_of(args.at(i + 2));
    const auto* consumer = args.size() > i + 3 ? &args[i + 3] : nullptr;
    RedisReply::List rows;
    for (auto pending = group->pending.lower_bound(first);
         pending != group->pending.end() && pending->first <= last && most > 0;
         ++pending) {
        const auto idle = std::max<std::int64_t>(0, now_ms() - pending->second.delivered_ms);
        if (consumer != nullptr && pending->second.consumer != *consumer) continue;
        if (idle < idle_least) continue;
        --most;
        rows.emplace_back(RedisReply::List{RedisReply{text_of(pending->first)},
                                           RedisReply{pending->second.consumer},
                                           RedisReply{idle},
                                           RedisReply{pending->second.deliveries}});
    }
    return RedisReply{std::move(rows)};
}

RedisReply ModelRedis::xclaim(const RedisArgs& args) {
    auto* group = group_at(args.at(1), args.at(2));
    if (group == nullptr) no_group(args.at(1), args.at(2), "");
    auto& stream = *at<Stream>(args.at(1));
    group->consumers[args.at(3)] = now_ms();
    const auto idle_least = integer_of(args.at(4));
    RedisReply::List claimed;
    for (std::size_t i = 5; i < args.size(); ++i) {
        const auto id = id_of(args[i], 0);
        const auto pending = group->pending.find(id);
        if (pending == group->pending.end()) continue;
        const auto entry = stream.entries.find(id);
        if (entry == stream.entries.end()) {
            group->pending.erase(pending);
            continue;
        }
        if (now_ms() - pending->second.delivered_ms < idle_least) continue;
        pending->second.consumer = args.at(3);
        pending->second.delivered_ms = now_ms();
        ++pending->second.deliveries;
        claimed.push_back(reply_of(id, &entry->second));
    }
    return RedisReply{std::move(claimed)};
}

}  // namespace quorate::simulation

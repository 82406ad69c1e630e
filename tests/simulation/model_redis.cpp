#include "tests/simulation/model_redis.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace quorate::simulation {

std::int64_t integer_of(const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        throw RedisError{"ERR value is not an integer or out of range"};
    return number;
}

ModelRedis::ModelRedis(std::function<UtcTime()> clock) : clock_{std::move(clock)} {}

ModelRedis::~ModelRedis() = default;

std::int64_t ModelRedis::now_ms() const {
    return std::chrono::floor<milliseconds>(clock_()).time_since_epoch().count();
}

RedisReply ModelRedis::run(const RedisArgs& command) {
    const auto found = commands().find(command.at(0));
    if (found == commands().end())
        throw std::logic_error{"the model has no command " + command.at(0)};
    try {
        return (this->*found->second)(command);
    } catch (const RedisError& error) {
        return RedisReply{RedisReply::Error{error.what()}};
    }
}

void ModelRedis::restart(Keys keys) {
    keys_ = std::move(keys);
    scripts_.clear();
    lua_.reset();
}

void ModelRedis::replace_script(std::string_view text, std::string with) {
    replaced_[std::string{text}] = std::move(with);
}

ModelRedis::Entry* ModelRedis::find(const std::string& key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return nullptr;
    if (found->second.expires_ms && *found->second.expires_ms <= now_ms()) {
        keys_.erase(found);
        return nullptr;
    }
    return &found->second;
}

template <class T>
T* ModelRedis::at(const std::string& key) {
    auto* entry = find(key);
    if (entry == nullptr) return nullptr;
    if (auto* value = std::get_if<T>(&entry->value)) return value;
    throw RedisError{"WRONGTYPE Operation against a key holding the wrong kind of value"};
}

template <class T>
T& ModelRedis::made_at(const std::string& key) {
    if (auto* value = at<T>(key)) return *value;
    return std::get<T>(keys_.emplace(key, Entry{T{}, std::nullopt}).first->second.value);
}

const std::string* ModelRedis::text_at(const std::string& key) {
    return at<std::string>(key);
}
const ModelRedis::Stream* ModelRedis::stream_at(const std::string& key) {
    return at<Stream>(key);
}
const ModelRedis::List* ModelRedis::list_at(const std::string& key) {
    return at<List>(key);
}

// ---- strings and keys

RedisReply ModelRedis::get(const RedisArgs& args) {
    const auto* text = at<std::string>(args.at(1));
    return text == nullptr ? RedisReply{} : RedisReply{*text};
}

RedisReply ModelRedis::set(const RedisArgs& args) {
    std::optional<std::int64_t> expires;
    bool only_new = false;
    for (std::size_t i = 3; i < args.size(); ++i) {
        if (args[i] == "EX")
            expires = now_ms() + 1000 * integer_of(args.at(++i));
        else if (args[i] == "NX")
            only_new = true;
        else
            throw std::logic_error{"the model's SET has no " + args[i]};
    }
    if (only_new && find(args.at(1)) != nullptr) return RedisReply{};
    keys_[args.at(1)] = Entry{args.at(2), expires};
    return RedisReply{std::string{"OK"}};
}

RedisReply ModelRedis::getrange(const RedisArgs& args) {
    const auto* text = at<std::string>(args.at(1));
    auto first = integer_of(args.at(2));
    auto last = integer_of(args.at(3));
    if (text == nullptr) return RedisReply{std::string{}};
    const auto size = static_cast<std::int64_t>(text->size());
    if (first < 0) first = std::max<std::int64_t>(0, size + first);
    if (last < 0) last = std::max<std::int64_t>(0, size + last);
    last = std::min(last, size - 1);
    if (first > last || size == 0) return RedisReply{std::string{}};
    return RedisReply{
        text->substr(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1))};
}

RedisReply ModelRedis::setrange(const RedisArgs& args) {
    const auto offset = integer_of(args.at(2));
    const auto& bytes = args.at(3);
    if (offset < 0) throw RedisError{"ERR offset is out of range"};
    auto* text = at<std::string>(args.at(1));
    if (bytes.empty())
        return RedisReply{static_cast<std::int64_t>(text == nullptr ? 0 : text->size())};
    auto& made = text == nullptr ? made_at<std::string>(args.at(1)) : *text;
    const auto end = static_cast<std::size_t>(offset) + bytes.size();
    if (made.size() < end) made.resize(end, '\0');
    made.replace(static_cast<std::size_t>(offset), bytes.size(), bytes);
    return RedisReply{static_cast<std::int64_t>(made.size())};
}

RedisReply ModelRedis::strlen(const RedisArgs& args) {
    const auto* text = at<std::string>(args.at(1));
    return RedisReply{static_cast<std::int64_t>(text == nullptr ? 0 : text->size())};
}

RedisReply ModelRedis::del(const RedisArgs& args) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (find(args[i]) == nullptr) continue;
        keys_.erase(args[i]);
        ++count;
    }
    return RedisReply{count};
}

RedisReply ModelRedis::expire(const RedisArgs& args) {
    const auto seconds = integer_of(args.at(2));
    auto* entry = find(args.at(1));
    if (entry == nullptr) return RedisReply{std::int64_t{0}};
    entry->expires_ms = now_ms() + 1000 * seconds;
    return RedisReply{std::int64_t{1}};
}

RedisReply ModelRedis::time(const RedisArgs& /*args*/) {
    const auto us = clock_().time_since_epoch().count();
    return RedisReply{RedisReply::List{RedisReply{std::to_string(us / 1'000'000)},
                                       RedisReply{std::to_string(us % 1'000'000)}}};
}

RedisReply ModelRedis::ping(const RedisArgs& /*args*/) {
    return RedisReply{std::string{"PONG"}};
}

// ---- what tests alone ask

RedisReply ModelRedis::exists(const RedisArgs& args) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < args.size(); ++i)
        count += find(args[i]) != nullptr ? 1 : 0;
    return RedisReply{count};
}

RedisReply ModelRedis::dbsize(const RedisArgs& /*args*/) {
    std::erase_if(keys_, [now = now_ms()](const auto& each) {
        return each.second.expires_ms && *each.second.expires_ms <= now;
    });
    return RedisReply{static_cast<std::int64_t>(keys_.size())};
}

/// TTL and PTTL.
RedisReply ModelRedis::ttl(const RedisArgs& args) {
    const auto* entry = find(args.at(1));
    if (entry == nullptr) return RedisReply{std::int64_t{-2}};
    if (!entry->expires_ms) return RedisReply{std::int64_t{-1}};
    const auto left = *entry->expires_ms - now_ms();
    return RedisReply{args[0] == "TTL" ? (left + 500) / 1000 : left};
}

RedisReply ModelRedis::flushall(const RedisArgs& /*args*/) {
    keys_.clear();
    return RedisReply{std::string{"OK"}};
}

RedisReply ModelRedis::script(const RedisArgs& args) {
    if (args.at(1) != "FLUSH") throw std::logic_error{"the model's SCRIPT knows FLUSH alone"};
    restart();
    return RedisReply{std::string{"OK"}};
}

RedisReply ModelRedis::incr(const RedisArgs& args) {
    auto& text = made_at<std::string>(args.at(1));
    const auto number = 1 + (text.empty() ? 0 : integer_of(text));
    text = std::to_string(number);
    return RedisReply{number};
}

RedisReply ModelRedis::hlen(const RedisArgs& args) {
    const auto* hash = at<Hash>(args.at(1));
    return RedisReply{static_cast<std::int64_t>(hash == nullptr ? 0 : hash->fields.size())};
}

// ---- hashes

namespace {

std::string* field_of(ModelRedis::Hash* hash, const std::string& name) {
    if (hash == nullptr) return nullptr;
    const auto found = std::ranges::find(
        hash->fields, name, [](auto& each) -> auto& { return each.first; });
    return found == hash->fields.end() ? nullptr : &found->second;
}

RedisReply reply_of(const std::string* text) {
    return text == nullptr ? RedisReply{} : RedisReply{*text};
}

}  // namespace

RedisReply ModelRedis::hset(const RedisArgs& args) {
    if (args.size() < 4 || args.size() % 2 != 0)
        throw RedisError{"ERR wrong number of arguments for 'hset' command"};
    auto& hash = made_at<Hash>(args.at(1));
    std::int64_t fresh = 0;
    for (std::size_t i = 2; i + 1 < args.size(); i += 2) {
        if (auto* field = field_of(&hash, args[i])) {
            *field = args[i + 1];
            continue;
        }
        hash.fields.emplace_back(args[i], args[i + 1]);
        ++fresh;
    }
    return RedisReply{fresh};
}

RedisReply ModelRedis::hget(const RedisArgs& args) {
    return reply_of(field_of(at<Hash>(args.at(1)), args.at(2)));
}

RedisReply ModelRedis::hmget(const RedisArgs& args) {
    auto* hash = at<Hash>(args.at(1));
    RedisReply::List values;
    for (std::size_t i = 2; i < args.size(); ++i)
        values.push_back(reply_of(field_of(hash, args[i])));
    return RedisReply{std::move(values)};
}

RedisReply ModelRedis::hgetall(const RedisArgs& args) {
    RedisReply::List all;
    if (const auto* hash = at<Hash>(args.at(1)))
        for (const auto& [name, value] : hash->fields) {
            all.emplace_back(name);
            all.emplace_back(value);
        }
    return RedisReply{std::move(all)};
}

RedisReply ModelRedis::hvals(const RedisArgs& args) {
    RedisReply::List all;
    if (const auto* hash = at<Hash>(args.at(1)))
        for (const auto& field : hash->fields)
            all.emplace_back(field.second);
    return RedisReply{std::move(all)};
}

RedisReply ModelRedis::hdel(const RedisArgs& args) {
    auto* hash = at<Hash>(args.at(1));
    if (hash == nullptr) return RedisReply{std::int64_t{0}};
    std::int64_t count = 0;
    for (std::size_t i = 2; i < args.size(); ++i)
        count += static_cast<std::int64_t>(
            std::erase_if(hash->fields, [&](const auto& field) { return field.first == args[i]; }));
    if (hash->fields.empty()) keys_.erase(args[1]);
    return RedisReply{count};
}

RedisReply ModelRedis::hincrby(const RedisArgs& args) {
    const auto more = integer_of(args.at(3));
    auto& hash = made_at<Hash>(args.at(1));
    auto* field = field_of(&hash, args.at(2));
    const auto number = more + (field == nullptr ? 0 : integer_of(*field));
    if (field == nullptr)
        hash.fields.emplace_back(args[2], std::to_string(number));
    else
        *field = std::to_string(number);
    return RedisReply{number};
}

// ---- lists

namespace {

/// From Redis's way to name places, negative ones from the end, to [first, behind).
std::pair<std::size_t, std::size_t> places_of(const RedisArgs& args, std::size_t count) {
    const auto size = static_cast<std::int64_t>(count);
    auto first = integer_of(args.at(2));
    auto last = integer_of(args.at(3));
    if (first < 0) first = std::max<std::int64_t>(0, size + first);
    if (last < 0) last = size + last;
    last = std::min(last, size - 1);
    if (first > last) return {0, 0};
    return {static_cast<std::size_t>(first), static_cast<std::size_t>(last + 1)};
}

}  // namespace

RedisReply ModelRedis::rpush(const RedisArgs& args) {
    auto& list = made_at<List>(args.at(1));
    list.insert(list.end(), args.begin() + 2, args.end());
    return RedisReply{static_cast<std::int64_t>(list.size())};
}

RedisReply ModelRedis::lrange(const RedisArgs& args) {
    RedisReply::List values;
    if (const auto* list = at<List>(args.at(1))) {
        const auto [first, behind] = places_of(args, list->size());
        for (auto i = first; i < behind; ++i)
            values.emplace_back((*list)[i]);
    }
    return RedisReply{std::move(values)};
}

RedisReply ModelRedis::ltrim(const RedisArgs& args) {
    if (auto* list = at<List>(args.at(1))) {
        const auto [first, behind] = places_of(args, list->size());
        const List kept{list->begin() + static_cast<std::ptrdiff_t>(first),
                        list->begin() + static_cast<std::ptrdiff_t>(behind)};
        if (kept.empty())
            keys_.erase(args[1]);
        else
            *list = kept;
    }
    return RedisReply{std::string{"OK"}};
}

RedisReply ModelRedis::llen(const RedisArgs& args) {
    const auto* list = at<List>(args.at(1));
    return RedisReply{static_cast<std::int64_t>(list == nullptr ? 0 : list->size())};
}

// ---- all of them

const std::unordered_map<std::string_view, ModelRedis::Command>& ModelRedis::commands() {
    static const std::unordered_map<std::string_view, Command> kCommands{
        {"GET", &ModelRedis::get},           {"SET", &ModelRedis::set},
        {"GETRANGE", &ModelRedis::getrange}, {"SETRANGE", &ModelRedis::setrange},
        {"STRLEN", &ModelRedis::strlen},     {"DEL", &ModelRedis::del},
        {"UNLINK", &ModelRedis::del},        {"EXPIRE", &ModelRedis::expire},
        {"TIME", &ModelRedis::time},         {"PING", &ModelRedis::ping},
        {"HSET", &ModelRedis::hset},         {"HGET", &ModelRedis::hget},
        {"HMGET", &ModelRedis::hmget},       {"HGETALL", &ModelRedis::hgetall},
        {"HVALS", &ModelRedis::hvals},       {"HDEL", &ModelRedis::hdel},
        {"HINCRBY", &ModelRedis::hincrby},   {"RPUSH", &ModelRedis::rpush},
        {"LRANGE", &ModelRedis::lrange},     {"LTRIM", &ModelRedis::ltrim},
        {"LLEN", &ModelRedis::llen},         {"XADD", &ModelRedis::xadd},
        {"XLEN", &ModelRedis::xlen},         {"XRANGE", &ModelRedis::xrange},
        {"XDEL", &ModelRedis::xdel},         {"XTRIM", &ModelRedis::xtrim},
        {"XGROUP", &ModelRedis::xgroup},     {"XREADGROUP", &ModelRedis::xreadgroup},
        {"XACK", &ModelRedis::xack},         {"XPENDING", &ModelRedis::xpending},
        {"XCLAIM", &ModelRedis::xclaim},     {"EVAL", &ModelRedis::eval},
        {"EVALSHA", &ModelRedis::evalsha},   {"XINFO", &ModelRedis::xinfo},
        {"EXISTS", &ModelRedis::exists},     {"DBSIZE", &ModelRedis::dbsize},
        {"TTL", &ModelRedis::ttl},           {"PTTL", &ModelRedis::ttl},
        {"FLUSHALL", &ModelRedis::flushall}, {"FLUSHDB", &ModelRedis::flushall},
        {"SCRIPT", &ModelRedis::script},     {"INCR", &ModelRedis::incr},
        {"HLEN", &ModelRedis::hlen},
    };
    return kCommands;
}

template ModelRedis::Stream* ModelRedis::at<ModelRedis::Stream>(const std::string& key);
template ModelRedis::Stream& ModelRedis::made_at<ModelRedis::Stream>(const std::string& key);

}  // namespace quorate::simulation

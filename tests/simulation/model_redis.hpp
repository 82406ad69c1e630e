#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/time/time.hpp"
#include "platform/redis/args.hpp"
#include "platform/redis/reply.hpp"

struct lua_State;

namespace quorate::simulation {

/// The keys of a Redis, and the commands on them that Quorate uses; a command or an option that it
/// does not use throws std::logic_error. Runs our scripts by Lua 5.1, as Redis does. A plain value
/// of its commands: no network and no waiting. What a status reply says is a text here, also for
/// scripts.
class ModelRedis {
public:
    using StreamId = std::pair<std::uint64_t, std::uint64_t>;
    using Fields = std::vector<std::string>;

    struct Pending {
        std::string consumer;
        std::int64_t delivered_ms = 0;
        std::int64_t deliveries = 0;
    };
    struct Group {
        StreamId last_delivered;
        std::map<StreamId, Pending> pending;
        std::map<std::string, std::int64_t> consumers;  ///< when each was last seen, in ms
    };
    struct Stream {
        std::map<StreamId, Fields> entries;
        StreamId last;
        std::map<std::string, Group> groups;
    };
    struct Hash {  // small: in the order of insertion
        std::vector<std::pair<std::string, std::string>> fields;
    };
    using List = std::deque<std::string>;
    using Value = std::variant<std::string, Hash, List, Stream>;
    struct Entry {
        Value value;
        std::optional<std::int64_t> expires_ms;
    };
    using Keys = std::unordered_map<std::string, Entry>;

    /// @param clock Redis's own
    explicit ModelRedis(std::function<UtcTime()> clock);
    ~ModelRedis();
    ModelRedis(const ModelRedis&) = delete;
    ModelRedis& operator=(const ModelRedis&) = delete;

    /// Runs one command. A read that would block answers nil.
    RedisReply run(const RedisArgs& command);

    /// What the disk would have now, and how it is after a crash that left that.
    Keys snapshot() const { return keys_; }
    /// Scripts are forgotten by each restart.
    void restart(Keys keys);
    void restart() { restart(std::move(keys_)); }

    /// Counts additions to streams: who waits for some looks again when it has grown.
    std::uint64_t additions() const { return additions_; }

    /// A script with this text runs as the other one.
    void replace_script(std::string_view text, std::string with);

    /// Called before each XACK, with its arguments.
    std::function<void(const RedisArgs& command)> on_acknowledge;

    /// For those who check: what stands there, null: nothing of this kind.
    const std::string* text_at(const std::string& key);
    const Stream* stream_at(const std::string& key);
    const List* list_at(const std::string& key);

private:
    using Command = RedisReply (ModelRedis::*)(const RedisArgs&);
    static const std::unordered_map<std::string_view, Command>& commands();

    std::int64_t now_ms() const;
    Entry* find(const std::string& key);
    template <class T>
    T* at(const std::string& key);  ///< null: no such key; throws WrongType
    template <class T>
    T& made_at(const std::string& key);

    RedisReply get(const RedisArgs& args);
    RedisReply set(const RedisArgs& args);
    RedisReply getrange(const RedisArgs& args);
    RedisReply setrange(const RedisArgs& args);
    RedisReply strlen(const RedisArgs& args);
    RedisReply del(const RedisArgs& args);
    RedisReply expire(const RedisArgs& args);
    RedisReply time(const RedisArgs& args);
    RedisReply ping(const RedisArgs& args);

    // What tests alone ask.
    RedisReply exists(const RedisArgs& args);
    RedisReply dbsize(const RedisArgs& args);
    RedisReply ttl(const RedisArgs& args);
    RedisReply flushall(const RedisArgs& args);
    RedisReply script(const RedisArgs& args);
    RedisReply incr(const RedisArgs& args);
    RedisReply hlen(const RedisArgs& args);

    RedisReply hset(const RedisArgs& args);
    RedisReply hget(const RedisArgs& args);
    RedisReply hmget(const RedisArgs& args);
    RedisReply hgetall(const RedisArgs& args);
    RedisReply hvals(const RedisArgs& args);
    RedisReply hdel(const RedisArgs& args);
    RedisReply hincrby(const RedisArgs& args);

    RedisReply rpush(const RedisArgs& args);
    RedisReply lrange(const RedisArgs& args);
    RedisReply ltrim(const RedisArgs& args);
    RedisReply llen(const RedisArgs& args);

    RedisReply xadd(const RedisArgs& args);
    RedisReply xlen(const RedisArgs& args);
    RedisReply xrange(const RedisArgs& args);
    RedisReply xdel(const RedisArgs& args);
    RedisReply xtrim(const RedisArgs& args);
    RedisReply xgroup(const RedisArgs& args);
    RedisReply xinfo(const RedisArgs& args);
    RedisReply xreadgroup(const RedisArgs& args);
    RedisReply xack(const RedisArgs& args);
    RedisReply xpending(const RedisArgs& args);
    RedisReply xclaim(const RedisArgs& args);
    Group* group_at(const std::string& key, const std::string& name);

    RedisReply eval(const RedisArgs& args);
    RedisReply evalsha(const RedisArgs& args);
    RedisReply run_script(int function, const RedisArgs& args);
    int load_script(const std::string& text);

    friend struct ScriptCalls;
    struct CloseLua {
        void operator()(lua_State* lua) const;
    };

    std::function<UtcTime()> clock_;
    Keys keys_;
    std::uint64_t additions_ = 0;
    std::map<std::string, std::string, std::less<>> replaced_;  // scripts, by their text
    std::unique_ptr<lua_State, CloseLua> lua_;
    std::unordered_map<std::string, int> scripts_;  // by SHA-1: their place in Lua's registry
    RedisArgs call_;                                // of a script, kept for its memory
    std::string script_failure_;
};

/// What an argument says that has to be a whole number; throws a RedisError as Redis answers.
std::int64_t integer_of(const std::string& text);

}  // namespace quorate::simulation

// How the model Redis runs scripts.
#include <array>
#include <cmath>
#include <cstdio>
#include <stdexcept>

extern "C" {
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
}

#include <boost/json/parse.hpp>
#include <boost/system/error_code.hpp>

#include "platform/redis/script.hpp"
#include "tests/simulation/model_redis.hpp"

namespace quorate::simulation {

/// What scripts can call. Lua leaves a function by longjmp where it raises an error, so nothing
/// with a destructor may be on its frame by then.
struct ScriptCalls {
    static ModelRedis& redis(lua_State* lua) {
        lua_getfield(lua, LUA_REGISTRYINDEX, "redis");
        auto* model = static_cast<ModelRedis*>(lua_touserdata(lua, -1));
        lua_pop(lua, 1);
        return *model;
    }

    static void push(lua_State* lua, const RedisReply& reply) {
        if (reply.is_nil()) {
            lua_pushboolean(lua, 0);
        } else if (reply.is_integer()) {
            lua_pushnumber(lua, static_cast<lua_Number>(reply.integer()));
        } else if (!reply.is_list()) {
            const auto& text = reply.text();
            lua_pushlstring(lua, text.data(), text.size());
        } else {
            const auto& list = reply.list();
            lua_createtable(lua, static_cast<int>(list.size()), 0);
            for (std::size_t i = 0; i < list.size(); ++i) {
                push(lua, list[i]);
                lua_rawseti(lua, -2, static_cast<int>(i + 1));
            }
        }
    }

    /// @return whether it failed; why is on the stack then, else the answer
    static bool call_fails(lua_State* lua) {
        auto& model = redis(lua);
        const int count = lua_gettop(lua);
        model.call_.resize(static_cast<std::size_t>(count));
        for (int i = 1; i <= count; ++i) {
            auto& argument = model.call_[static_cast<std::size_t>(i - 1)];
            if (lua_type(lua, i) == LUA_TNUMBER) {
                const auto number = lua_tonumber(lua, i);
                std::array<char, 40> text{};
                if (number == std::floor(number) && std::abs(number) < 1e18)
                    std::snprintf(text.data(), text.size(), "%lld", static_cast<long long>(number));
                else
                    std::snprintf(text.data(), text.size(), "%.17g", number);
                argument = text.data();
            } else {
                std::size_t size = 0;
                const char* text = lua_tolstring(lua, i, &size);
                if (text == nullptr) {
                    lua_pushstring(lua,
                                   "ERR Lua redis() command arguments must be strings or integers");
                    return true;
                }
                argument.assign(text, size);
            }
        }
        try {
            const auto reply = model.run(model.call_);
            if (const auto* error = reply.error()) {
                lua_pushlstring(lua, error->data(), error->size());
                return true;
            }
            push(lua, reply);
            return false;
        } catch (const std::exception& error) {  // the model lacks something
            model.script_failure_ = error.what();
            lua_pushstring(lua, error.what());
            return true;
        }
    }

    static int call(lua_State* lua) {
        if (call_fails(lua)) return lua_error(lua);
        return 1;
    }

    // Of Redis's `struct` what our scripts use: big-endian `I4`, `I2` and, behind a number, `c0`.

    static int pack(lua_State* lua) {
        const char* format = luaL_checkstring(lua, 1);
        if (*format++ != '>') return luaL_error(lua, "the model packs big-endian alone");
        luaL_Buffer buffer;
        luaL_buffinit(lua, &buffer);
        for (int argument = 2; *format != '\0'; ++argument) {
            if (format[0] != 'I') return luaL_error(lua, "the model packs I alone");
            const int size = format[1] - '0';
            format += 2;
            const auto number = static_cast<std::uint64_t>(luaL_checknumber(lua, argument));
            for (int i = size - 1; i >= 0; --i)
                luaL_addchar(&buffer, static_cast<char>((number >> (8 * i)) & 0xFFU));
        }
        luaL_pushresult(&buffer);
        return 1;
    }

    static int unpack(lua_State* lua) {
        const char* format = luaL_checkstring(lua, 1);
        std::size_t size = 0;
        const char* bytes = luaL_checklstring(lua, 2, &size);
        auto at = static_cast<std::size_t>(luaL_optnumber(lua, 3, 1)) - 1;
        if (*format++ != '>') return luaL_error(lua, "the model unpacks big-endian alone");
        int count = 0;
        for (; *format != '\0'; format += 2) {
            if (format[0] == 'I') {
                const auto width = static_cast<std::size_t>(format[1] - '0');
                if (at + width > size) return luaL_error(lua, "data string too short");
                std::uint64_t number = 0;
                for (std::size_t i = 0; i < width; ++i)
                    number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
                lua_pushnumber(lua, static_cast<lua_Number>(number));
                at += width;
                ++count;
            } else if (format[0] == 'c' && format[1] == '0') {
                const auto length = static_cast<std::size_t>(lua_tonumber(lua, -1));
                lua_pop(lua, 1);
                if (at + length > size) return luaL_error(lua, "data string too short");
                lua_pushlstring(lua, bytes + at, length);
                at += length;
            } else {
                return luaL_error(lua, "the model unpacks I and c0 alone");
            }
        }
        lua_pushnumber(lua, static_cast<lua_Number>(at + 1));
        return count + 1;
    }

    static void push(lua_State* lua, const boost::json::value& value) {
        switch (value.kind()) {
            case boost::json::kind::null:
                lua_pushlightuserdata(lua, nullptr);
                return;
            case boost::json::kind::bool_:
                lua_pushboolean(lua, value.get_bool() ? 1 : 0);
                return;
            case boost::json::kind::int64:
            case boost::json::kind::uint64:
            case boost::json::kind::double_:
                lua_pushnumber(lua, value.to_number<double>());
                return;
            case boost::json::kind::string:
                lua_pushlstring(lua, value.get_string().data(), value.get_string().size());
                return;
            case boost::json::kind::array:
                lua_newtable(lua);
                for (std::size_t i = 0; i < value.get_array().size(); ++i) {
                    push(lua, value.get_array()[i]);
                    lua_rawseti(lua, -2, static_cast<int>(i + 1));
                }
                return;
            case boost::json::kind::object:
                lua_newtable(lua);
                for (const auto& member : value.get_object()) {
                    lua_pushlstring(lua, member.key().data(), member.key().size());
                    push(lua, member.value());
                    lua_rawset(lua, -3);
                }
        }
    }

    static bool decodes(lua_State* lua, const char* text, std::size_t size) {
        boost::system::error_code error;
        const auto value = boost::json::parse({text, size}, error);
        if (error) return false;
        push(lua, value);
        return true;
    }

    static int decode_json(lua_State* lua) {
        std::size_t size = 0;
        const char* text = luaL_checklstring(lua, 1, &size);
        if (!decodes(lua, text, size)) return luaL_error(lua, "it is not JSON");
        return 1;
    }

    static void open(lua_State* lua, ModelRedis& model) {
        luaL_openlibs(lua);
        lua_pushlightuserdata(lua, &model);
        lua_setfield(lua, LUA_REGISTRYINDEX, "redis");
        lua_newtable(lua);
        lua_pushcfunction(lua, call);
        lua_setfield(lua, -2, "call");
        lua_setglobal(lua, "redis");
        lua_newtable(lua);
        lua_pushcfunction(lua, pack);
        lua_setfield(lua, -2, "pack");
        lua_pushcfunction(lua, unpack);
        lua_setfield(lua, -2, "unpack");
        lua_setglobal(lua, "struct");
        lua_newtable(lua);
        lua_pushcfunction(lua, decode_json);
        lua_setfield(lua, -2, "decode");
        lua_setglobal(lua, "cjson");
        for (const char* absent :
             {"os", "io", "debug", "package", "require", "dofile", "loadfile"}) {
            lua_pushnil(lua);
            lua_setglobal(lua, absent);
        }
    }
};

namespace {

/// What a script gives back, as Redis turns it into a reply.
RedisReply reply_of(lua_State* lua, int index) {
    switch (lua_type(lua, index)) {
        case LUA_TNUMBER:
            return RedisReply{static_cast<std::int64_t>(lua_tonumber(lua, index))};
        case LUA_TSTRING: {
            std::size_t size = 0;
            const char* text = lua_tolstring(lua, index, &size);
            return RedisReply{std::string{text, size}};
        }
        case LUA_TBOOLEAN:
            return lua_toboolean(lua, index) != 0 ? RedisReply{std::int64_t{1}} : RedisReply{};
        case LUA_TTABLE: {
            RedisReply::List list;
            for (int i = 1;; ++i) {
                lua_rawgeti(lua, index, i);
                const bool end = lua_isnil(lua, -1);
                if (!end) list.push_back(reply_of(lua, lua_gettop(lua)));
                lua_pop(lua, 1);
                if (end) break;
            }
            return RedisReply{std::move(list)};
        }
        default:
            return RedisReply{};
    }
}

void set_texts(lua_State* lua, const char* name, std::span<const std::string> texts) {
    lua_createtable(lua, static_cast<int>(texts.size()), 0);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        lua_pushlstring(lua, texts[i].data(), texts[i].size());
        lua_rawseti(lua, -2, static_cast<int>(i + 1));
    }
    lua_setglobal(lua, name);
}

}  // namespace

void ModelRedis::CloseLua::operator()(lua_State* lua) const {
    lua_close(lua);
}

int ModelRedis::load_script(const std::string& text) {
    const auto replaced = replaced_.find(text);
    const auto& source = replaced == replaced_.end() ? text : replaced->second;
    if (!lua_) {
        lua_.reset(luaL_newstate());
        ScriptCalls::open(lua_.get(), *this);
    }
    auto* lua = lua_.get();
    if (luaL_loadbuffer(lua, source.data(), source.size(), "@user_script") != 0)
        throw std::logic_error{std::string{"a script does not compile: "} + lua_tostring(lua, -1)};
    return luaL_ref(lua, LUA_REGISTRYINDEX);
}

RedisReply ModelRedis::run_script(int function, const RedisArgs& args) {
    auto* lua = lua_.get();
    const auto keys = static_cast<std::size_t>(integer_of(args.at(2)));
    const std::span<const std::string> rest{args.begin() + 3, args.end()};
    set_texts(lua, "KEYS", rest.first(keys));
    set_texts(lua, "ARGV", rest.subspan(keys));
    lua_rawgeti(lua, LUA_REGISTRYINDEX, function);
    script_failure_.clear();
    if (lua_pcall(lua, 0, 1, 0) != 0) {
        std::string why = lua_tostring(lua, -1);
        lua_pop(lua, 1);
        if (!script_failure_.empty()) throw std::logic_error{script_failure_};
        return RedisReply{RedisReply::Error{std::move(why)}};
    }
    auto reply = reply_of(lua, lua_gettop(lua));
    lua_pop(lua, 1);
    return reply;
}

RedisReply ModelRedis::eval(const RedisArgs& args) {
    const auto sha1 = RedisScript{args.at(1)}.sha1();
    auto known = scripts_.find(sha1);
    if (known == scripts_.end()) known = scripts_.emplace(sha1, load_script(args[1])).first;
    return run_script(known->second, args);
}

RedisReply ModelRedis::evalsha(const RedisArgs& args) {
    const auto known = scripts_.find(args.at(1));
    if (known == scripts_.end()) throw RedisError{"NOSCRIPT No matching script. Please use EVAL."};
    return run_script(known->second, args);
}

}  // namespace quorate::simulation

#include "platform/redis/slot.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"

namespace quorate::detail {

namespace {

/// CRC-16/XMODEM, as the specification of Redis Cluster has it.
std::uint16_t crc16(std::string_view bytes) {
    constexpr unsigned kPolynomial = 0x1021;
    unsigned crc = 0;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned>(static_cast<unsigned char>(byte)) << 8U;
        for (int bit = 0; bit < 8; ++bit)
            crc = (crc & 0x8000U) != 0 ? (crc << 1U) ^ kPolynomial : crc << 1U;
        crc &= 0xFFFFU;
    }
    return static_cast<std::uint16_t>(crc);
}

/// Where the key stands in a command.
enum class KeyAt : std::uint8_t { nowhere, first, second, counted, behind_streams };

struct Verb {
    std::string_view name;
    KeyAt key;
};

constexpr std::array kVerbs = std::to_array<Verb>({
    {"ping", KeyAt::nowhere},         {"time", KeyAt::nowhere},
    {"echo", KeyAt::nowhere},         {"script", KeyAt::nowhere},
    {"role", KeyAt::nowhere},         {"info", KeyAt::nowhere},
    {"dbsize", KeyAt::nowhere},       {"config", KeyAt::nowhere},
    {"cluster", KeyAt::nowhere},      {"client", KeyAt::nowhere},
    {"acl", KeyAt::nowhere},          {"command", KeyAt::nowhere},
    {"wait", KeyAt::nowhere},         {"scan", KeyAt::nowhere},
    {"publish", KeyAt::nowhere},      {"asking", KeyAt::nowhere},
    {"flushall", KeyAt::nowhere},     {"flushdb", KeyAt::nowhere},
    {"eval", KeyAt::counted},         {"evalsha", KeyAt::counted},
    {"eval_ro", KeyAt::counted},      {"evalsha_ro", KeyAt::counted},
    {"fcall", KeyAt::counted},        {"fcall_ro", KeyAt::counted},
    {"xread", KeyAt::behind_streams}, {"xreadgroup", KeyAt::behind_streams},
    {"xgroup", KeyAt::second},        {"xinfo", KeyAt::second},
    {"object", KeyAt::second},        {"memory", KeyAt::second},
    {"bitop", KeyAt::second},
});

KeyAt key_at(std::string_view verb) {
    const auto found = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const auto& known) {
        return equal_ignoring_case(known.name, verb);
    });
    return found == kVerbs.end() ? KeyAt::first : found->key;
}

std::size_t behind_streams(const RedisArgs& command) {
    const auto word = std::find_if(command.begin(), command.end(), [](const auto& argument) {
        return equal_ignoring_case(argument, "streams");
    });
    return static_cast<std::size_t>(word - command.begin()) + 1;
}

/// The index of the key; 0 where there is none.
std::size_t index_of_key(const RedisArgs& command) {
    switch (key_at(command.front())) {
        case KeyAt::nowhere:
            return 0;
        case KeyAt::first:
            return 1;
        case KeyAt::second:
            return 2;
        case KeyAt::counted:
            return command.size() > 2 && command[2] != "0" ? 3 : 0;
        case KeyAt::behind_streams:
            return behind_streams(command);
    }
    return 0;
}

}  // namespace

std::uint16_t slot_of(std::string_view key) {
    if (const auto open = key.find('{'); open != std::string_view::npos) {
        const auto close = key.find('}', open + 1);
        if (close != std::string_view::npos && close > open + 1)
            key = key.substr(open + 1, close - open - 1);
    }
    return crc16(key) % kRedisSlots;
}

const std::string* key_of(const RedisArgs& command) {
    if (command.empty()) return nullptr;
    const auto index = index_of_key(command);
    return index == 0 || index >= command.size() ? nullptr : &command[index];
}

}  // namespace quorate::detail

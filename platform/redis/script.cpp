#include "platform/redis/script.hpp"

#include <array>
#include <stdexcept>

#include <openssl/evp.h>

namespace quorate {

namespace {

std::string sha1_hex(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error{"libcrypto has no SHA-1"};
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
        hex.push_back(kDigits[digest[i] >> 4U]);
        hex.push_back(kDigits[digest[i] & 0xFU]);
    }
    return hex;
}

RedisArgs command_of(std::string verb, std::string script, const RedisScript::Call& call) {
    RedisArgs command{std::move(verb), std::move(script), std::to_string(call.keys.size())};
    command.insert(command.end(), call.keys.begin(), call.keys.end());
    command.insert(command.end(), call.arguments.begin(), call.arguments.end());
    return command;
}

bool not_known(const RedisReply& reply) {
    return reply.error() != nullptr && reply.error()->starts_with("NOSCRIPT");
}

RedisReply not_loaded() {
    return RedisReply{RedisReply::Unavailable{"Redis does not know the script yet"}};
}

bool may_not_load(const RedisReply& reply) {
    const auto* error = reply.error();
    return error != nullptr && error->starts_with("NOPERM") &&
           error->find("'eval'") != std::string::npos;
}

}  // namespace

RedisScript::RedisScript(std::string_view source) : source_{source}, sha1_{sha1_hex(source)} {}

Task<RedisReply> RedisScript::run(RedisClient& client, Call call) const {
    std::vector<Call> calls;
    calls.push_back(std::move(call));
    auto replies = co_await run_all(client, std::move(calls));
    co_return std::move(replies.front());
}

Task<std::vector<RedisReply>> RedisScript::run_all(RedisClient& client,
                                                   std::vector<Call> calls) const {
    auto replies = co_await send(client, std::move(calls), &RedisClient::try_all);
    for (const auto& reply : replies)
        reply.check();
    co_return replies;
}

Task<std::vector<RedisReply>> RedisScript::try_now(RedisClient& client,
                                                   std::vector<Call> calls) const {
    return send(client, std::move(calls), &RedisClient::try_now);
}

Task<std::vector<RedisReply>> RedisScript::send(RedisClient& client,
                                                std::vector<Call> calls,
                                                Send how) const {
    std::vector<RedisArgs> commands;
    commands.reserve(calls.size());
    for (const auto& call : calls)
        commands.push_back(command_of("EVALSHA", sha1_, call));
    auto replies = co_await (client.*how)(std::move(commands));

    std::vector<std::size_t> again;
    std::vector<RedisArgs> repeated;
    for (std::size_t i = 0; i < replies.size(); ++i) {
        if (!not_known(replies[i])) continue;
        again.push_back(i);
        repeated.push_back(command_of("EVAL", std::string{source_}, calls[i]));
    }
    if (again.empty()) co_return replies;
    std::string away;
    try {
        auto answers = co_await (client.*how)(std::move(repeated));
        for (std::size_t i = 0; i < again.size(); ++i)
            replies[again[i]] = may_not_load(answers[i]) ? not_loaded() : std::move(answers[i]);
    } catch (const RedisUnavailable& error) {
        away = error.what();
    }
    if (away.empty()) co_return replies;
    if (again.size() == calls.size()) throw RedisUnavailable{away};
    for (const auto index : again)
        replies[index] = RedisReply{RedisReply::Unavailable{away}};
    co_return replies;
}

}  // namespace quorate

#include "platform/redis/manifests.hpp"

#include <utility>

#include "platform/redis/keys.hpp"

namespace quorate {

Task<> put_manifests(RedisClient& client, std::string region, std::vector<ManifestContent> lists) {
    if (lists.empty()) co_return;
    const auto kept_for = std::to_string(kManifestsKeptFor.count());
    std::vector<RedisArgs> commands;
    for (auto& list : lists)
        commands.push_back({"SET",
                            keys::manifest(region, list.full_hash),
                            std::move(list.text),
                            "NX",
                            "EX",
                            kept_for});
    const auto replies = co_await client.try_now(std::move(commands));
    for (const auto& reply : replies)
        reply.check();
}

Task<std::vector<std::optional<std::string>>> read_manifests(RedisClient& client,
                                                             std::vector<ManifestName> names) {
    std::vector<std::optional<std::string>> texts;
    if (names.empty()) co_return texts;
    // One byte more than a list may have, which tells one that is longer.
    const auto last = std::to_string(kManifestBytesMax);
    std::vector<RedisArgs> commands;
    for (const auto& [region, full_hash] : names)
        commands.push_back({"GETRANGE", keys::manifest(region, full_hash), "0", last});
    const auto replies = co_await client.try_now(std::move(commands));
    for (const auto& reply : replies) {
        if (reply.unavailable() != nullptr) {
            texts.emplace_back();
            continue;
        }
        const auto& text = reply.text();
        const bool sound = !text.empty() && text.size() <= kManifestBytesMax;
        texts.push_back(sound ? std::optional{text} : std::nullopt);
    }
    co_return texts;
}

Task<> drop_manifests(RedisClient& client, std::vector<ManifestName> names) {
    if (names.empty()) co_return;
    std::vector<RedisArgs> commands;
    for (const auto& [region, full_hash] : names)
        commands.push_back({"UNLINK", keys::manifest(region, full_hash)});
    const auto replies = co_await client.try_now(std::move(commands));
    for (const auto& reply : replies)
        if (reply.unavailable() == nullptr) reply.check();
}

}  // namespace quorate

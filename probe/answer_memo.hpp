#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/lru_cache.hpp"
#include "core/base/sha256.hpp"
#include "core/model/phase.hpp"
#include "core/model/warning.hpp"
#include "probe/report.hpp"

namespace quorate {

/// Adds `more` to `warnings`.
constexpr void add_all(Warnings& warnings, Warnings more) {
    warnings = Warnings::from_bits(warnings.bits() | more.bits());
}

/// What a sound DiscoverResult with our version says.
struct DiscoverFacts {
    bool tools_declared = false;
    std::string server_name;
    std::string server_version;
    Warnings warnings;
};

/// What a sound InitializeResult with a version of ours says.
struct InitializeFacts {
    bool tools_declared = false;
    std::string protocol_version;
    std::string server_name;
    std::string server_version;
};

/// What a sound tool list of one page says.
struct ListFacts {
    std::shared_ptr<const ToolsReport> tools;
    Warnings warnings;
};

using AnswerFacts = std::variant<DiscoverFacts, InitializeFacts, ListFacts>;
using KnownAnswer = std::shared_ptr<const AnswerFacts>;

/// Everything that the facts of an answer depend on; the text stands as its SHA-256, which nobody
/// finds another text for.
struct AnswerKey {
    Sha256 text;
    std::int64_t awaited_id = 0;
    Phase phase = Phase::http;
    bool modern = false;
    friend bool operator==(const AnswerKey&, const AnswerKey&) = default;
};

/// Remembers what the texts of answers came to. A server gives the same answer at each look, minute
/// after minute; parsing it, checking it and hashing its tools is a pure function of the text, so
/// the same bytes need that work once. Only sound answers are kept. Bounded; the least recently
/// used goes first. Not safe for several threads.
class AnswerMemo {
public:
    explicit AnswerMemo(std::size_t bytes_max = kBytesMax) : answers_{bytes_max} {}

    /// Nothing where the text is not known.
    KnownAnswer find(const AnswerKey& key);
    /// An answer that alone passes the bound is not kept.
    void keep(const AnswerKey& key, AnswerFacts facts);

    std::size_t size() const { return answers_.size(); }
    /// What is kept, about.
    std::size_t bytes() const { return answers_.weight(); }

private:
    static constexpr std::size_t kBytesMax = std::size_t{64} << 20U;

    struct HashOfKey {
        std::size_t operator()(const AnswerKey& key) const noexcept {
            return HashOfSha256{}(key.text);
        }
    };
    LruCache<AnswerKey, KnownAnswer, HashOfKey> answers_;
};

/// A memo together with what an answer depends on beside its text: the phase and the era.
class AnswerRecall {
public:
    AnswerRecall() = default;
    AnswerRecall(AnswerMemo& memo, Phase phase, bool modern)
        : memo_{&memo}, phase_{phase}, modern_{modern} {}

    explicit operator bool() const { return memo_ != nullptr; }
    AnswerKey key_of(std::string_view text, std::int64_t awaited_id) const;
    KnownAnswer find(const AnswerKey& key) const { return memo_->find(key); }

private:
    AnswerMemo* memo_ = nullptr;
    Phase phase_ = Phase::http;
    bool modern_ = false;
};

}  // namespace quorate

#include "probe/answer_memo.hpp"

#include <cstring>

namespace quorate {
namespace {

std::size_t bytes_of(const std::string& text) {
    return sizeof text + text.capacity();
}

struct BytesOfFacts {
    std::size_t operator()(const DiscoverFacts& facts) const {
        return bytes_of(facts.server_name) + bytes_of(facts.server_version);
    }
    std::size_t operator()(const InitializeFacts& facts) const {
        return bytes_of(facts.protocol_version) + bytes_of(facts.server_name) +
               bytes_of(facts.server_version);
    }
    std::size_t operator()(const ListFacts& facts) const {
        std::size_t bytes = sizeof(ToolsReport);
        for (const auto& name : facts.tools->names)
            bytes += bytes_of(name);
        return bytes + bytes_of(facts.tools->semantic_hash) + bytes_of(facts.tools->full_hash);
    }
};

/// List node, map node and control block of one entry.
constexpr std::size_t kEntryBytes = 256;

}  // namespace

std::size_t AnswerMemo::HashOfKey::operator()(const AnswerKey& key) const noexcept {
    std::size_t hash = 0;  // the text stands as a hash already
    std::memcpy(&hash, key.text.data(), sizeof hash);
    return hash;
}

KnownAnswer AnswerMemo::find(const AnswerKey& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->facts;
}

void AnswerMemo::keep(const AnswerKey& key, AnswerFacts facts) {
    const auto bytes = kEntryBytes + std::visit(BytesOfFacts{}, facts);
    if (bytes > bytes_max_ || by_key_.contains(key)) return;
    while (bytes_ + bytes > bytes_max_) {
        bytes_ -= entries_.back().bytes;
        by_key_.erase(entries_.back().key);
        entries_.pop_back();
    }
    entries_.push_front({key, std::make_shared<const AnswerFacts>(std::move(facts)), bytes});
    by_key_.emplace(key, entries_.begin());
    bytes_ += bytes;
}

AnswerKey AnswerRecall::key_of(std::string_view text, std::int64_t awaited_id) const {
    return {sha256(text), awaited_id, phase_, modern_};
}

}  // namespace quorate

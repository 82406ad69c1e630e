#include "probe/answer_memo.hpp"

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

KnownAnswer AnswerMemo::find(const AnswerKey& key) {
    const auto* known = answers_.find(key);
    return known == nullptr ? nullptr : *known;
}

void AnswerMemo::keep(const AnswerKey& key, AnswerFacts facts) {
    const auto bytes = kEntryBytes + std::visit(BytesOfFacts{}, facts);
    answers_.put(key, std::make_shared<const AnswerFacts>(std::move(facts)), bytes);
}

AnswerKey AnswerRecall::key_of(std::string_view text, std::int64_t awaited_id) const {
    return {sha256(text), awaited_id, phase_, modern_};
}

}  // namespace quorate

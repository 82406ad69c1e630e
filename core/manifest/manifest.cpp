#include "core/manifest/manifest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "core/base/sha256.hpp"
#include "core/manifest/canonical_json.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

/// What the value of a schema's keyword is.
enum class Holds : std::uint8_t { schemas, text, named_schemas, data };

struct Keyword {
    std::string_view name;
    Holds holds;
};
/// All keywords whose values are not just schemas.
constexpr std::array kKeywords{
    Keyword{"title", Holds::text},
    Keyword{"description", Holds::text},
    Keyword{"examples", Holds::text},
    Keyword{"$comment", Holds::text},
    Keyword{"properties", Holds::named_schemas},
    Keyword{"patternProperties", Holds::named_schemas},
    Keyword{"$defs", Holds::named_schemas},
    Keyword{"definitions", Holds::named_schemas},
    Keyword{"dependentSchemas", Holds::named_schemas},
    Keyword{"dependencies", Holds::named_schemas},
    Keyword{"enum", Holds::data},
    Keyword{"const", Holds::data},
    Keyword{"default", Holds::data},
};

constexpr std::size_t kKeywordBytesMax = 17;

/// The lengths that keywords have, as bits: most names are told apart by their length alone.
constexpr std::uint32_t kKeywordLengths = [] {
    std::uint32_t bits = 0;
    for (const auto& keyword : kKeywords)
        bits |= 1U << keyword.name.size();
    return bits;
}();

Holds what_holds(std::string_view keyword) {
    if (keyword.size() > kKeywordBytesMax || (kKeywordLengths >> keyword.size() & 1U) == 0)
        return Holds::schemas;
    for (const auto& known : kKeywords)
        if (known.name == keyword) return known.holds;
    return Holds::schemas;
}

/// Writes canonical JSON of tools once, and remembers which parts of it are texts, so that the
/// contract is what is left without them.
class ToolWriter {
public:
    void write_tool(const json::object& tool) {
        // The members that count, in canonical order.
        begin_object();
        write_member(tool, "annotations", &ToolWriter::write_data);
        write_text_member(tool, "description");
        write_member(tool, "inputSchema", &ToolWriter::write_schema);
        write_member(tool, "name", &ToolWriter::write_data);
        write_member(tool, "outputSchema", &ToolWriter::write_schema);
        write_text_member(tool, "title");
        end_object();
    }

    void write_schema(const json::value& schema) {
        if (const auto* array = schema.if_array()) {
            char before = '[';
            for (const auto& item : *array) {
                full_.push_back(std::exchange(before, ','));
                write_schema(item);
            }
            full_.append(before == '[' ? "[]" : "]");
        } else if (const auto* object = schema.if_object()) {
            write_schema_object(*object);
        } else {
            write_data(schema);
        }
    }

    void clear() {
        full_.clear();
        texts_.clear();
    }

    const std::string& full() const { return full_; }

    /// Calls `take` with the pieces of the contract, one after another.
    template <class Take>
    void contract(Take take) const {
        std::size_t at = 0;
        for (const auto& text : texts_) {
            take(std::string_view{full_}.substr(at, text.begin - at));
            at = text.end;
        }
        take(std::string_view{full_}.substr(at));
    }

private:
    struct Span {
        std::size_t begin;
        std::size_t end;
    };
    /// What an object has so far: a comma belongs to the contract only between two of its members.
    struct Members {
        bool any = false;
        bool of_contract = false;
    };

    void write_data(const json::value& value) { append_canonical(full_, value); }

    void begin_object() {
        members_ = {};
        full_.push_back('{');
    }
    void end_object() { full_.push_back('}'); }

    void write_member(const json::object& tool,
                      std::string_view name,
                      void (ToolWriter::*write)(const json::value&)) {
        const auto* value = tool.if_contains(name);
        if (value == nullptr) return;
        const auto members = begin_member(members_, name, false);
        (this->*write)(*value);
        members_ = members;
    }
    void write_text_member(const json::object& tool, std::string_view name) {
        const auto* value = tool.if_contains(name);
        if (value == nullptr) return;
        const auto begin = full_.size();
        members_ = begin_member(members_, name, true);
        write_data(*value);
        texts_.push_back({begin, full_.size()});
    }

    /// Writes comma and key. @return what the object has with this member
    Members begin_member(Members so_far, std::string_view key, bool is_text) {
        if (so_far.any) {
            if (!is_text && !so_far.of_contract) texts_.push_back({full_.size(), full_.size() + 1});
            full_.push_back(',');
        }
        append_canonical_string(full_, key);
        full_.push_back(':');
        return {true, so_far.of_contract || !is_text};
    }

    void write_schema_object(const json::object& schema) {
        Members members;
        full_.push_back('{');
        for (const auto* member : SortedMembers{schema}) {
            const std::string_view key = member->key();
            const auto begin = full_.size();
            const auto holds = what_holds(key);
            const bool is_text = holds == Holds::text;
            members = begin_member(members, key, is_text);
            if (is_text || holds == Holds::data)
                write_data(member->value());
            else if (holds == Holds::named_schemas && member->value().is_object())
                write_named_schemas(member->value().get_object());
            else
                write_schema(member->value());
            if (is_text) texts_.push_back({begin, full_.size()});
        }
        full_.push_back('}');
    }

    void write_named_schemas(const json::object& schemas) {
        char before = '{';
        for (const auto* member : SortedMembers{schemas}) {
            full_.push_back(std::exchange(before, ','));
            append_canonical_string(full_, member->key());
            full_.push_back(':');
            write_schema(member->value());
        }
        full_.append(before == '{' ? "{}" : "}");
    }

    std::string full_;
    std::vector<Span> texts_;  ///< in order, without overlap
    Members members_;          ///< of the tool under way
};

std::string joined_contract(const ToolWriter& writer) {
    std::string text;
    writer.contract([&text](std::string_view piece) { text.append(piece); });
    return text;
}

std::string_view name_of_tool(const json::object& tool) {
    const auto* name = tool.if_contains("name");
    return name != nullptr && name->is_string() ? std::string_view{name->get_string()}
                                                : std::string_view{};
}

/// The array of the tools in canonical order: `mark` gets its brackets and commas, `write` what
/// each tool came to.
template <class Mark, class Write>
void for_each_tool(const std::vector<json::object>& tools, Mark mark, Write write) {
    std::vector<const json::object*> sorted;
    sorted.reserve(tools.size());
    for (const auto& tool : tools)
        sorted.push_back(&tool);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto* left, const auto* right) {
        return before_in_utf16(name_of_tool(*left), name_of_tool(*right));
    });
    ToolWriter writer;
    std::string_view before = "[";
    for (const auto* tool : sorted) {
        mark(before);
        before = ",";
        writer.clear();
        writer.write_tool(*tool);
        write(writer);
    }
    mark(sorted.empty() ? std::string_view{"[]"} : std::string_view{"]"});
}

}  // namespace

bool is_text_keyword(std::string_view keyword) {
    return what_holds(keyword) == Holds::text;
}

std::string full_text(const json::object& tool) {
    ToolWriter writer;
    writer.write_tool(tool);
    return writer.full();
}

std::string contract_text(const json::object& tool) {
    ToolWriter writer;
    writer.write_tool(tool);
    return joined_contract(writer);
}

std::string contract_text_of_schema(const json::value& schema) {
    ToolWriter writer;
    writer.write_schema(schema);
    return joined_contract(writer);
}

ToolDigest digest_of(const json::object& tool) {
    ToolWriter writer;
    writer.write_tool(tool);
    return {std::string{name_of_tool(tool)},
            to_hex(sha256(joined_contract(writer))),
            to_hex(sha256(writer.full()))};
}

ManifestHashes manifest_hashes(const std::vector<json::object>& tools) {
    Sha256Stream semantic;
    Sha256Stream full;
    const auto both = [&](std::string_view piece) {
        semantic.update(piece);
        full.update(piece);
    };
    for_each_tool(tools, both, [&](const ToolWriter& writer) {
        writer.contract([&semantic](std::string_view piece) { semantic.update(piece); });
        full.update(writer.full());
    });
    return {to_hex(semantic.finish()), to_hex(full.finish())};
}

std::string manifest_text(const std::vector<json::object>& tools) {
    std::string text;
    for_each_tool(
        tools,
        [&text](std::string_view piece) { text += piece; },
        [&text](const ToolWriter& writer) { text += writer.full(); });
    return text;
}

}  // namespace quorate

#include <optional>
#include <stdexcept>

#include <boost/json/array.hpp>

#include "cli/verbs/probe_manifest.hpp"
#include "core/base/json_text.hpp"
#include "core/base/utf8.hpp"
#include "core/manifest/canonical_json.hpp"
#include "core/manifest/manifest.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace json = boost::json;
using cli::ManifestFile;

/// The manifest, or nothing where it is refused by one sentence.
std::optional<ManifestFile> parsed(std::string_view text) {
    try {
        return cli::parse_manifest(text);
    } catch (const std::runtime_error& error) {
        const std::string_view why = error.what();
        require(!why.empty() && why.size() <= 300, "a refusal is no sentence");
        require(is_utf8(why), "a refusal is not UTF-8");
        for (const unsigned char c : why)
            require(c >= 0x20 && c != 0x7F, "a refusal holds a control character of the file");
        return std::nullopt;
    }
}

/// The tools in words; `1` and `1.0` are one number in JSON.
std::string text_of(const std::vector<json::object>& tools) {
    std::string text;
    for (const auto& tool : tools)
        text += canonical_json(tool) + "\n";
    return text;
}

/// What was read is written down and read again as the same.
void check(const ManifestFile& manifest) {
    const auto text = cli::to_text(manifest);
    const auto again = parsed(text);
    require(again.has_value(), "what we write is refused: " + text);
    require(again->url == manifest.url && again->era == manifest.era &&
                again->credential == manifest.credential &&
                text_of(again->tools) == text_of(manifest.tools),
            "a manifest does not survive its own text: " + text);
    require(cli::to_text(*again) == text, "the text changes when it is read again: " + text);
    const auto before = manifest_hashes(manifest.tools);
    const auto after = manifest_hashes(again->tools);
    require(before.semantic == after.semantic && before.full == after.full, "the hashes change");
}

/// The same file with the hashes that its tools have, so that they are not the end of each input.
std::optional<std::string> with_its_hashes(std::string_view input) {
    auto value = parse_json(input);
    auto* file = value ? value->if_object() : nullptr;
    const auto* tools = file == nullptr ? nullptr : file->if_contains("tools");
    if (tools == nullptr || !tools->is_array()) return std::nullopt;
    std::vector<json::object> list;
    for (const auto& tool : tools->get_array()) {
        const auto* object = tool.if_object();
        const auto* name = object == nullptr ? nullptr : object->if_contains("name");
        if (name == nullptr || !name->is_string()) return std::nullopt;
        list.push_back(*object);
    }
    const auto hashes = manifest_hashes(list);
    (*file)["semantic_hash"] = "sha256:" + hashes.semantic;
    (*file)["full_hash"] = "sha256:" + hashes.full;
    return canonical_json(*value);
}

}  // namespace

/// The text of a manifest file; its hashes may be wrong.
void fuzz_manifest_file(std::string_view input) {
    if (const auto manifest = parsed(input)) check(*manifest);
    const auto mended = with_its_hashes(input);
    if (!mended) return;
    if (const auto manifest = parsed(*mended)) check(*manifest);
}

}  // namespace quorate::fuzz

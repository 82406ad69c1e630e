#include "cli/verbs/probe_manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <system_error>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <CLI/CLI.hpp>

#include "cli/table.hpp"
#include "core/base/json_text.hpp"
#include "core/base/text.hpp"
#include "core/manifest/canonical_json.hpp"
#include "core/manifest/manifest.hpp"
#include "core/model/headers.hpp"

namespace quorate::cli {
namespace {

namespace json = boost::json;

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kVersionKey = "quorate_manifest";
constexpr std::array<std::string_view, 6> kToolMembers{
    "annotations", "description", "inputSchema", "name", "outputSchema", "title"};
constexpr std::size_t kFileBytesMax = std::size_t{64} << 20U;

/// JSON for people and line-wise diffs: one member a line, objects in canonical order.
void append_pretty(std::string& text, const json::value& value, std::size_t depth) {
    const auto line = [&](std::size_t levels) {
        text.push_back('\n');
        text.append(2 * levels, ' ');
    };
    const auto* array = value.if_array();
    const auto* object = value.if_object();
    if (array != nullptr && !array->empty()) {
        text.push_back('[');
        for (const auto& item : *array) {
            if (&item != array->data()) text.push_back(',');
            line(depth + 1);
            append_pretty(text, item, depth + 1);
        }
        line(depth);
        text.push_back(']');
    } else if (object != nullptr && !object->empty()) {
        text.push_back('{');
        bool first = true;
        for (const auto* member : SortedMembers{*object}) {
            if (!std::exchange(first, false)) text.push_back(',');
            line(depth + 1);
            append_canonical_string(text, member->key());
            text.append(": ");
            append_pretty(text, member->value(), depth + 1);
        }
        line(depth);
        text.push_back('}');
    } else {
        append_canonical(text, value);
    }
}

json::object what_counts(const json::object& tool) {
    json::object kept;
    for (const auto member : kToolMembers)
        if (const auto* value = tool.if_contains(member)) kept[member] = *value;
    return kept;
}

std::string_view name_in(const json::object& tool) {
    return tool.at("name").get_string();
}

const json::value& member(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) throw std::runtime_error{"it has no member " + std::string{name}};
    return *value;
}

std::string text_member(const json::object& object, std::string_view name) {
    const auto& value = member(object, name);
    if (!value.is_string()) throw std::runtime_error{std::string{name} + " is not a string"};
    return std::string{value.get_string()};
}

const json::array& list_member(const json::object& object, std::string_view name) {
    const auto& value = member(object, name);
    if (!value.is_array()) throw std::runtime_error{std::string{name} + " is not a list"};
    return value.get_array();
}

std::vector<std::string> credential_in(const json::object& object) {
    std::vector<std::string> names;
    for (const auto& name : list_member(object, "credential")) {
        if (!name.is_string()) throw std::runtime_error{"credential is not a list of header names"};
        names.emplace_back(name.get_string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<json::object> tools_in(const json::object& object) {
    std::vector<json::object> tools;
    std::set<std::string, std::less<>> names;
    for (const auto& value : list_member(object, "tools")) {
        const auto* tool = value.if_object();
        if (tool == nullptr) throw std::runtime_error{"a tool is not an object"};
        auto name = text_member(*tool, "name");
        if (!member(*tool, "inputSchema").is_object())
            throw std::runtime_error{"the inputSchema of a tool is not an object"};
        if (!names.insert(std::move(name)).second)
            throw std::runtime_error{"it lists a tool twice"};
        tools.push_back(*tool);
    }
    return tools;
}

std::string digest_form(const std::string& hex) {
    return "sha256:" + hex;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw CLI::ValidationError{"--manifest", path + ": " + why};
}

std::string read_whole(const std::string& path) {
    std::error_code unknown;
    std::ifstream file{path, std::ios::binary};
    // A folder opens, and then does not read.
    if (!file || std::filesystem::is_directory(path, unknown)) refuse(path, "can't be read");
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad()) refuse(path, "can't be read");
    if (text.size() > kFileBytesMax) refuse(path, "is larger than 64 MiB");
    return text;
}

}  // namespace

std::vector<std::string> credential_of(const ProbeRequest& request) {
    std::set<std::string> names;
    for (const auto& [name, value] : request.headers)
        if (is_credential_header(name)) names.insert(to_lower(name));
    return {names.begin(), names.end()};
}

ManifestFile manifest_of(const ProbeRequest& request,
                         Era era,
                         const std::vector<json::object>& tools) {
    ManifestFile manifest{
        request.url.substr(0, request.url.find('?')), era, credential_of(request), {}};
    for (const auto& tool : tools)
        manifest.tools.push_back(what_counts(tool));
    std::sort(manifest.tools.begin(), manifest.tools.end(), [](const auto& a, const auto& b) {
        return before_in_utf16(name_in(a), name_in(b));
    });
    return manifest;
}

std::string to_text(const ManifestFile& manifest) {
    const auto hashes = manifest_hashes(manifest.tools);
    json::array credential;
    for (const auto& name : manifest.credential)
        credential.emplace_back(name);
    json::array tools(manifest.tools.begin(), manifest.tools.end());
    // The head in the order in which it is read; below it, canonical order.
    const std::array<std::pair<std::string_view, json::value>, 8> members{{
        {kVersionKey, kVersion},
        {"url", json::string{manifest.url}},
        {"era", json::string{name_of(manifest.era)}},
        {"capabilities", json::object{}},
        {"credential", std::move(credential)},
        {"semantic_hash", json::string{digest_form(hashes.semantic)}},
        {"full_hash", json::string{digest_form(hashes.full)}},
        {"tools", std::move(tools)},
    }};
    std::string text = "{";
    for (const auto& [name, value] : members) {
        text.append(text.size() > 1 ? ",\n  " : "\n  ");
        append_canonical_string(text, name);
        text.append(": ");
        append_pretty(text, value, 1);
    }
    return text + "\n}\n";
}

ManifestFile parse_manifest(std::string_view text) {
    const auto parsed = parse_json(text);
    if (!parsed) throw std::runtime_error{"is not JSON: " + parsed.error().message()};
    const auto* object = parsed->if_object();
    const auto* version = object == nullptr ? nullptr : object->if_contains(kVersionKey);
    if (version == nullptr) throw std::runtime_error{"is no manifest of quorate probe"};
    if (*version != kVersion)
        throw std::runtime_error{"is of version " + safe_text(canonical_json(*version), 40) +
                                 " of the format, and this program reads version 1"};
    ManifestFile manifest;
    manifest.url = text_member(*object, "url");
    const auto era = text_member(*object, "era");
    const auto known = era_named(era);
    if (!known) throw std::runtime_error{"there is no era " + safe_text(era, 40)};
    manifest.era = *known;
    const auto* capabilities = member(*object, "capabilities").if_object();
    if (capabilities == nullptr) throw std::runtime_error{"capabilities is not an object"};
    if (!capabilities->empty())
        throw std::runtime_error{
            "was written by a client that declares capabilities; quorate declares none, and a "
            "server may then list other tools"};
    manifest.credential = credential_in(*object);
    manifest.tools = tools_in(*object);
    const auto hashes = manifest_hashes(manifest.tools);
    if (text_member(*object, "semantic_hash") != digest_form(hashes.semantic) ||
        text_member(*object, "full_hash") != digest_form(hashes.full))
        throw std::runtime_error{
            "its hashes are not those of its tools: it was changed by hand or damaged; write it "
            "anew with --write-manifest"};
    return manifest;
}

ManifestFile read_manifest(const std::string& path, const ProbeRequest& request) {
    const auto text = read_whole(path);
    ManifestFile manifest;
    try {
        manifest = parse_manifest(text);
    } catch (const std::runtime_error& error) {
        refuse(path, error.what());
    }
    const bool forced = request.era != EraMode::automatic;
    if (forced && name_of(request.era) != name_of(manifest.era))
        refuse(path,
               "is of the " + std::string{name_of(manifest.era)} + " era, and --era says " +
                   std::string{name_of(request.era)});
    const auto credential = credential_of(request);
    if (credential != manifest.credential)
        refuse(path,
               "was written with the credential headers " + listed(manifest.credential) +
                   ", and this probe sends " + listed(credential) +
                   ": a server may show each of them other tools");
    return manifest;
}

}  // namespace quorate::cli

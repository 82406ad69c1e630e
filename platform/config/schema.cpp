#include "platform/config/schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>
#include <system_error>

#include "core/base/text.hpp"
#include "platform/config/yaml.hpp"

namespace quorate {
namespace {

template <class... Fs>
struct Overload : Fs... {
    using Fs::operator()...;
};

// clang 16 does not deduce the arguments of an aggregate by itself (P1816).
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// A number of the key's unit as a user writes it.
std::string bound_text(const ConfigValue& kind, std::int64_t bound) {
    return std::holds_alternative<milliseconds>(kind) ? to_duration_text(milliseconds{bound})
                                                      : std::to_string(bound);
}

/// The shortest text that reads back as the same number.
std::string number_text(double number) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    return {text.data(), end};
}

bool has_upper_bound(const ConfigKey& key) {
    return key.max != std::numeric_limits<std::int64_t>::max();
}

/// "0 to 65535", "at least 1s"; empty if the key has no bounds.
std::string bounds_text(const ConfigKey& key, const ConfigValue& kind) {
    if (std::holds_alternative<double>(kind)) {
        if (key.greatest == std::numeric_limits<double>::max()) return {};
        return number_text(key.least) + " to " + number_text(key.greatest);
    }
    if (has_upper_bound(key)) return bound_text(kind, key.min) + " to " + bound_text(kind, key.max);
    if (key.min == std::numeric_limits<std::int64_t>::min()) return {};
    return "at least " + bound_text(kind, key.min);
}

/// The value as `masked_dump` and the docs show it.
std::string value_text(const ConfigValue& value) {
    return std::visit(
        Overload{[](const std::string& text) { return '"' + text + '"'; },
                 [](std::int64_t number) { return std::to_string(number); },
                 [](double number) { return number_text(number); },
                 [](bool flag) { return std::string{flag ? "true" : "false"}; },
                 [](milliseconds duration) { return to_duration_text(duration); },
                 [](const std::vector<std::string>& items) { return "[" + join(items) + "]"; },
                 [](const std::filesystem::path& path) { return '"' + path.string() + '"'; }},
        value);
}

std::string type_text(const ConfigKey& key, const ConfigValue& kind) {
    auto bounds = bounds_text(key, kind);
    if (!bounds.empty()) bounds = ", " + bounds;
    return std::visit(
        Overload{
            [&](const std::string&) {
                return key.choices.empty() ? std::string{"text"} : "one of " + join(key.choices);
            },
            [&](std::int64_t) { return "integer" + bounds; },
            [&](double) { return "number" + bounds; },
            [](bool) { return std::string{"true or false"}; },
            [&](milliseconds) { return "duration" + bounds; },
            [&](const std::vector<std::string>&) { return "list of text" + bounds + " items"; },
            [](const std::filesystem::path&) { return std::string{"path"}; }},
        kind);
}

/// What was read, or what the value should have been ("must be …").
struct Read {
    std::optional<ConfigValue> value;
    std::string expected;
};

bool is_text(const Yaml& yaml) {
    return yaml.kind == Yaml::Kind::scalar;
}

Read read_text(const ConfigKey& key, const Yaml& yaml) {
    if (!is_text(yaml)) return {std::nullopt, "text"};
    const auto& choices = key.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), yaml.text) == choices.end())
        return {std::nullopt, "one of " + join(choices)};
    return {yaml.text, {}};
}

Read read_integer(const ConfigKey& key, const Yaml& yaml) {
    const auto bounds = bounds_text(key, std::int64_t{0});
    const auto expected = bounds.empty() ? "an integer" : "an integer, " + bounds;
    std::int64_t number = 0;
    const auto* end = yaml.text.data() + yaml.text.size();
    const auto [rest, error] = std::from_chars(yaml.text.data(), end, number);
    if (!is_text(yaml) || yaml.quoted || error != std::errc{} || rest != end || number < key.min ||
        number > key.max)
        return {std::nullopt, expected};
    return {number, {}};
}

Read read_number(const ConfigKey& key, const Yaml& yaml) {
    const auto bounds = bounds_text(key, 0.0);
    const auto expected = bounds.empty() ? "a number" : "a number, " + bounds;
    double number = 0;
    const auto* end = yaml.text.data() + yaml.text.size();
    const auto [rest, error] = std::from_chars(yaml.text.data(), end, number);
    const bool inside = number >= key.least && number <= key.greatest;  // false for NaN
    if (!is_text(yaml) || yaml.quoted || error != std::errc{} || rest != end || !inside)
        return {std::nullopt, expected};
    return {number, {}};
}

Read read_flag(const Yaml& yaml) {
    if (is_text(yaml) && !yaml.quoted && yaml.text == "true") return {true, {}};
    if (is_text(yaml) && !yaml.quoted && yaml.text == "false") return {false, {}};
    return {std::nullopt, "true or false"};
}

Read read_duration(const ConfigKey& key, const Yaml& yaml) {
    const auto duration = is_text(yaml) ? parse_duration(yaml.text) : std::nullopt;
    if (!duration) return {std::nullopt, "a duration such as 1500ms, 8s or 5m"};
    if (duration->count() < key.min || duration->count() > key.max)
        return {std::nullopt, bounds_text(key, *duration)};
    return {*duration, {}};
}

Read read_list(const ConfigKey& key, const Yaml& yaml) {
    if (yaml.kind != Yaml::Kind::list ||
        !std::all_of(yaml.items.begin(), yaml.items.end(), is_text))
        return {std::nullopt, "a list of text"};
    const auto size = static_cast<std::int64_t>(yaml.items.size());
    if (size < key.min || size > key.max)
        return {std::nullopt, "a list of " + bounds_text(key, std::int64_t{0}) + " items"};
    std::vector<std::string> items;
    for (const auto& item : yaml.items)
        items.push_back(item.text);
    return {std::move(items), {}};
}

Read read_path(const Yaml& yaml) {
    if (!is_text(yaml) || yaml.text.empty()) return {std::nullopt, "a path"};
    return {std::filesystem::path{yaml.text}, {}};
}

Read read_value(const ConfigKey& key, const ConfigValue& kind, const Yaml& yaml) {
    return std::visit(
        Overload{[&](const std::string&) { return read_text(key, yaml); },
                 [&](std::int64_t) { return read_integer(key, yaml); },
                 [&](double) { return read_number(key, yaml); },
                 [&](bool) { return read_flag(yaml); },
                 [&](milliseconds) { return read_duration(key, yaml); },
                 [&](const std::vector<std::string>&) { return read_list(key, yaml); },
                 [&](const std::filesystem::path&) { return read_path(yaml); }},
        kind);
}

/// Of the path of a key that nobody knows, as its error shows it.
constexpr std::size_t kPathShownMax = 200;

/// Walks one document and fills the config; collects what is wrong.
class Filler {
public:
    Filler(const ConfigKeys& keys, void* config, const std::string& file, ConfigErrors& errors)
        : keys_{keys}, config_{config}, file_{file}, errors_{errors} {}

    void fill(const Yaml& root) {
        if (root.kind != Yaml::Kind::map) {
            add_error(root.line, {}, "must be a map, is " + describe(root));
            return;
        }
        walk(root, "");
        for (const auto& key : keys_.keys)
            if (key.required && !set_.contains(key.name))
                add_error(line_around(root, key.name), key.name, "is required");
        for (const auto& rule : keys_.rules)
            for (auto& problem : rule(config_))
                if (!has_error(problem.key)) {
                    const auto line = line_of(root, problem.key);
                    add_error(line, std::move(problem.key), std::move(problem.message));
                }
    }

private:
    void walk(const Yaml& map, const std::string& prefix) {
        for (const auto& entry : map.entries) {
            const auto path = prefix + entry.key;
            if (const auto* key = find(path))
                set(*key, entry);
            else if (!is_group(path))
                add_error(entry.line, safe_text(path, kPathShownMax), "is no known key");
            else if (entry.value.kind == Yaml::Kind::map)
                walk(entry.value, path + ".");
            else if (entry.value.kind != Yaml::Kind::null)
                add_error(entry.line, path, "must be a map, is " + describe(entry.value));
        }
    }

    void set(const ConfigKey& key, const Yaml::Entry& entry) {
        if (!set_.emplace(key.name, entry.line).second) {
            add_error(entry.line, key.name, "is set twice");
            return;
        }
        auto read = read_value(key, key.get(config_), entry.value);
        if (!read.value) {
            const bool silent = key.secret || key.shown;
            const auto found = silent ? std::string{} : ", is " + describe(entry.value);
            add_error(entry.line, key.name, "must be " + read.expected + found);
            return;
        }
        const auto problem = key.check ? key.check(*read.value) : std::string{};
        if (problem.empty())
            key.set(config_, std::move(*read.value));
        else
            add_error(entry.line, key.name, problem);
    }

    const ConfigKey* find(const std::string& name) const {
        for (const auto& key : keys_.keys)
            if (key.name == name) return &key;
        return nullptr;
    }

    bool is_group(const std::string& path) const {
        return std::any_of(keys_.keys.begin(), keys_.keys.end(), [&](const auto& key) {
            return key.name.starts_with(path + ".");
        });
    }

    bool has_error(const std::string& key) const {
        return std::any_of(
            errors_.begin(), errors_.end(), [&](const auto& error) { return error.key == key; });
    }

    /// The line that sets the key, or of the innermost map that it belongs in.
    int line_of(const Yaml& root, const std::string& name) const {
        const auto found = set_.find(name);
        return found != set_.end() ? found->second : line_around(root, name);
    }

    /// The line of the innermost map that `name` belongs in.
    static int line_around(const Yaml& root, std::string_view name) {
        const auto* map = &root;
        int line = root.line;
        for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
            const auto group = name.substr(0, dot);
            const auto entry = std::find_if(map->entries.begin(),
                                            map->entries.end(),
                                            [&](const auto& each) { return each.key == group; });
            if (entry == map->entries.end()) break;
            line = entry->line;
            map = &entry->value;
            name.remove_prefix(dot + 1);
        }
        return line;
    }

    void add_error(int line, std::string key, std::string message) {
        errors_.push_back({file_, line, std::move(key), std::move(message)});
    }

    const ConfigKeys& keys_;
    void* config_;
    const std::string& file_;
    ConfigErrors& errors_;
    std::map<std::string, int> set_;  // key to its line
};

std::string table_cell(std::string text) {
    for (auto bar = text.find('|'); bar != std::string::npos; bar = text.find('|', bar + 2))
        text.insert(bar, "\\");
    return text;
}

}  // namespace

void fill_config(const ConfigKeys& keys,
                 void* config,
                 std::string_view yaml,
                 const std::string& file) {
    ConfigErrors errors;
    if (const auto root = parse_yaml(yaml, file, errors))
        Filler{keys, config, file, errors}.fill(*root);
    if (!errors.empty()) throw InvalidConfig{std::move(errors)};
}

void fill_config_from_file(const ConfigKeys& keys, void* config, const std::string& file) {
    ConfigErrors errors;
    const auto text = read_text_file(file, errors);
    if (!text) throw InvalidConfig{std::move(errors)};
    fill_config(keys, config, *text, file);
}

ShownValues shown_values(const ConfigKeys& keys, const void* config) {
    ShownValues values;
    for (const auto& key : keys.keys) {
        const auto value = key.get(config);
        values.emplace_back(key.name,
                            key.secret ? "***" : value_text(key.shown ? key.shown(value) : value));
    }
    return values;
}

std::string masked_dump(const ConfigKeys& keys, const void* config) {
    std::string text;
    for (const auto& [key, value] : shown_values(keys, config))
        text += key + ": " + value + "\n";
    return text;
}

ConfigChanges changes(const ConfigKeys& keys, const void* from, const void* to) {
    ConfigChanges changes;
    for (const auto& key : keys.keys)
        if (key.get(from) != key.get(to))
            (key.live ? changes.live : changes.restart).push_back(key.name);
    return changes;
}

void copy_live(const ConfigKeys& keys, const void* from, void* to, const std::string& file) {
    for (const auto& key : keys.keys)
        if (key.live) key.set(to, key.get(from));
    ConfigErrors errors;
    for (const auto& rule : keys.rules)
        for (auto& problem : rule(to))
            errors.push_back(
                {file,
                 0,
                 std::move(problem.key),
                 problem.message + " (beside keys that count from the next start on)"});
    if (!errors.empty()) throw InvalidConfig{std::move(errors)};
}

std::string to_markdown(const ConfigKeys& keys, const void* defaults) {
    std::string text =
        "## " + keys.daemon + "\n\n| Key | Type | Default | What it is |\n" + "|---|---|---|---|\n";
    for (const auto& key : keys.keys) {
        const auto kind = key.get(defaults);
        const auto fallback = key.required ? "required" : "`" + value_text(kind) + "`";
        text += "| `" + key.name + "` | " + table_cell(type_text(key, kind)) + " | " +
                table_cell(fallback) + " | " + table_cell(key.text) +
                (key.secret ? " (secret)" : "") + (key.live ? " (live)" : "") + " |\n";
    }
    return text;
}

}  // namespace quorate

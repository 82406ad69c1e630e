#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/config/config_error.hpp"

namespace quorate {

/// A YAML value that remembers its line: a plain tree, in the file's order.
struct Yaml {
    enum class Kind { null, scalar, list, map };
    struct Entry;

    Kind kind = Kind::null;
    int line = 0;                // from 1
    bool quoted = false;         // a scalar in quotes: text, never a number or a boolean
    std::string text;            // scalar
    std::vector<Yaml> items;     // list
    std::vector<Entry> entries;  // map, keys unique

    /// The value of `key` in a map; nullptr if it has no such key or this is no map.
    const Yaml* find(std::string_view key) const;
};

struct Yaml::Entry {
    std::string key;
    int line = 0;
    Yaml value;
};

/// What parse_yaml takes at most. Beyond it the file is refused with an error.
struct YamlLimits {
    std::size_t bytes = 16U << 20U;
    std::size_t values = 500'000;
    std::size_t depth = 32;
};

/// Parses one YAML 1.2 document. Anchors, aliases, a second document, keys that are no plain text
/// and duplicate keys are errors. An empty document is an empty map.
/// @param file only names the text in errors.
/// @return the tree; nothing where the text can't be understood to its end. Of a duplicate key it
///     holds the first value, so that what else is wrong can be said at once.
std::optional<Yaml> parse_yaml(std::string_view text,
                               const std::string& file,
                               ConfigErrors& errors,
                               const YamlLimits& limits = {});

/// Reads a whole file; nothing, and one error, if it cannot be read or is above `bytes_max`.
std::optional<std::string> read_text_file(const std::string& file,
                                          ConfigErrors& errors,
                                          std::size_t bytes_max = YamlLimits{}.bytes);

/// "empty", "a list", "a map", or the text in quotes, made safe and shortened: how messages show
/// what was found.
std::string describe(const Yaml& value);

/// The dotted path of `key` below `path`, which may be empty; how messages say where. The key is
/// made safe and shortened.
std::string path_below(const std::string& path, std::string_view key);

}  // namespace quorate

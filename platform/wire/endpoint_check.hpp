#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "core/base/enum_names.hpp"
#include "core/model/endpoint.hpp"
#include "platform/config/yaml.hpp"

namespace quorate::wire {

inline constexpr std::size_t kUrlMax = 2048;

/// The operators of a canary's assertions: how the file, and how jobs and the CLI write them.
enum class AssertionOp { equals, min, max, contains, is };
inline constexpr std::array kAssertionKeys{
    EnumName<AssertionOp>{AssertionOp::equals, "equals"},
    EnumName<AssertionOp>{AssertionOp::min, "min"},
    EnumName<AssertionOp>{AssertionOp::max, "max"},
    EnumName<AssertionOp>{AssertionOp::contains, "contains"},
    EnumName<AssertionOp>{AssertionOp::is, "is"},
};
inline constexpr std::array kAssertionOps{
    EnumName<AssertionOp>{AssertionOp::equals, "=="},
    EnumName<AssertionOp>{AssertionOp::min, ">="},
    EnumName<AssertionOp>{AssertionOp::max, "<="},
    EnumName<AssertionOp>{AssertionOp::contains, "contains"},
    EnumName<AssertionOp>{AssertionOp::is, "is"},
};

/// `[a-z0-9][a-z0-9-]{0,62}`: names of endpoints, tenants and secrets.
bool is_name(std::string_view text);
/// What a name is, for errors.
inline constexpr const char* kNameRule = "lower-case letters, digits and hyphens, at most 63";

/// What is wrong with an endpoint's URL, as one sentence that repeats no credential; empty if
/// nothing: absolute, http or https, a host, no user information, no fragment (RFC 3986).
std::string problem_of_url(const std::string& url);

/// What is wrong with the name of an owner's header (RFC 9110, 5.1); empty if nothing. Headers that
/// the probe sets itself can't be given.
std::string problem_of_header_name(const std::string& name);

/// Whether its probes come with a credential: a header that is one by its name, or any that is a
/// secret.
bool sends_credential(const EndpointSpec& spec);

/// True if `text` has no control characters, so that it can stand in a header, a log and a table.
bool is_printable(std::string_view text);

/// True for the words that the operator `is` takes.
bool is_json_type(std::string_view word);

/// `; did you mean "x"?` for the closest of `known` within two edits, or nothing.
std::string did_you_mean(std::string_view text, const std::vector<std::string>& known);
/// The same for a table of what has a name.
template <class Row, std::size_t N>
std::string did_you_mean(std::string_view text, const std::array<Row, N>& table) {
    std::vector<std::string> names;
    for (const auto& row : table)
        names.emplace_back(row.name);
    return did_you_mean(text, names);
}

/// The JSON that a YAML value means: plain scalars that are JSON numbers, booleans or null are that
/// (core schema of YAML 1.2; a number beyond a double is the largest one), everything else is text.
boost::json::value to_json_value(const Yaml& yaml);

}  // namespace quorate::wire

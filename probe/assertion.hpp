#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "core/model/endpoint.hpp"

namespace quorate {

/// The value at `path` in `root`: `$`, then members (`.name`, `['name']`), indexes (`[0]`, from the
/// end if negative) and wildcards (`[*]`, `.*`). With a wildcard the value is the array of what was
/// found. Nothing where the path does not lead anywhere.
std::optional<boost::json::value> value_at(const boost::json::value& root, std::string_view path);

/// Why `assertion` can't be used: an unknown operator, a bad path, a value that is not JSON; empty
/// where it can.
std::string assertion_error(const CanaryAssertion& assertion);

/// Whether `root` holds what the owner asserts; otherwise a sentence that says how not.
/// `==` compares JSON values; `>=` and `<=` numbers; `contains` looks for a substring, an array's
/// item or an object's member; `is` compares the type: string, number, integer, boolean, array,
/// object, null.
std::optional<std::string> assertion_failure(const boost::json::value& root,
                                             const CanaryAssertion& assertion);

/// What `$` is in the result of a tool call: `structuredContent`, else the first text parsed as
/// JSON, else that text as a string.
boost::json::value assertion_root(const boost::json::object& result);

}  // namespace quorate

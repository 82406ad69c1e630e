#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace quorate {

/// The canonical text of a JSON value (RFC 8785): no white space, members sorted by UTF-16 code
/// units, numbers as ECMAScript prints them. Integers beyond 2^53 keep all their digits, which the
/// RFC would round: two that differ must not look the same.
std::string canonical_json(const boost::json::value& value);

}  // namespace quorate

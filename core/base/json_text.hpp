#pragma once

#include <string_view>

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <boost/system/result.hpp>

namespace quorate {

/// Parses one JSON text, UTF-8 alone. Every number is the double nearest to its text
/// (Boost.JSON 1.81 by itself is off by a few units of the last place for long fractions);
/// integers of 64 bits stay integers, and a number beyond the range of a double counts as the
/// largest one. The last of several members of the same name wins.
/// @return the value; `boost::json::error::too_deep` beyond 128 levels, another error where the
///     text is not JSON
boost::system::result<boost::json::value> parse_json(std::string_view text,
                                                     boost::json::storage_ptr storage = {});

}  // namespace quorate

#pragma once

#include <string>

#include <boost/json/value.hpp>
#include <google/protobuf/message.h>

namespace quorate::cli {

/// A message as the CLI's JSON: every field under its proto name, absent ones `null`; a time field
/// `x_us` is written as `x`, RFC 3339. Enumerations do not occur in the admin API.
boost::json::value to_json(const google::protobuf::Message& message);

/// One JSON value on one line, numbers as people write them: 0.25, not 2.5E-1.
std::string json_text(const boost::json::value& value);

/// Writes one JSON value and a line end to standard output.
void print_json(const boost::json::value& value);

}  // namespace quorate::cli

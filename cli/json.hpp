#pragma once

#include <string>

#include <boost/json/value.hpp>
#include <google/protobuf/message.h>

#include "cli/session.hpp"

namespace quorate::cli {

/// A message as the CLI's JSON: every field under its proto name, absent ones `null`; a time field
/// `x_us` is written as `x`, RFC 3339. Enumerations do not occur in the admin API.
boost::json::value to_json(const google::protobuf::Message& message);

/// One JSON value on one line, numbers as people write them: 0.25, not 2.5E-1.
std::string json_text(const boost::json::value& value);

/// One YAML document (block style, texts in double quotes) that holds the same value.
std::string yaml_text(const boost::json::value& value);

/// Writes one value to standard output: as a line of JSON, or as a YAML document, which begins with
/// `---`.
void print_data(const boost::json::value& value, OutputFormat format);

}  // namespace quorate::cli

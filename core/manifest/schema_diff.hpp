#pragma once

#include <cstdint>
#include <string>

#include <boost/json/value.hpp>

#include "core/manifest/manifest_change.hpp"

namespace quorate {

/// Which way values flow through a schema: callers send what the input schema takes, and read what
/// the output schema promises.
enum class Flow : std::uint8_t { input, output };

/// Appends to `changes` what changed between two schemas of `tool` at the JSON pointer `path`.
/// Changes of mere order or spelling that mean the same are left out.
void diff_schemas(const boost::json::value& before,
                  const boost::json::value& now,
                  Flow flow,
                  const std::string& tool,
                  const std::string& path,
                  ManifestChanges& changes);

}  // namespace quorate

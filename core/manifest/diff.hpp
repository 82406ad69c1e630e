#pragma once

#include <vector>

#include <boost/json/object.hpp>

#include "core/manifest/manifest_change.hpp"

namespace quorate {

/// What changed from one tool list to another, sorted by tool, path and kind, whatever the order of
/// the lists. Empty exactly if the full hashes are equal; without any change but `text` exactly if
/// the semantic hashes are. Names are unique within a list. Pure; `$ref` is never followed.
ManifestChanges diff_of_tools(const std::vector<boost::json::object>& before,
                              const std::vector<boost::json::object>& now);

/// Whether a change is of the contract and not of texts alone.
bool has_contract_change(const ManifestChanges& changes);

}  // namespace quorate

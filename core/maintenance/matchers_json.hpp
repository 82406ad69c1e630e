#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/maintenance/planned_window.hpp"

namespace quorate {

/// `[{"tenant":"acme","endpoint":"search","labels":{"team":"a"}}]`, without what is empty: as
/// matchers are stored.
std::string matchers_json(const std::vector<EndpointMatcher>& matchers);

/// Reads them back. What is no object of texts, or gives nothing, matches nothing and is left out:
/// a matcher that is not understood must not match everything.
std::vector<EndpointMatcher> parse_matchers(std::string_view json);

/// `{"team":"a"}`, as an endpoint's labels are stored; what is no text is left out.
Labels parse_labels(std::string_view json);

}  // namespace quorate

#pragma once

#include <string>
#include <vector>

#include "cli/session.hpp"

namespace quorate::cli {

/// Puts the endpoint files at these paths into the request: `-` is standard input, a folder stands
/// for the
/// `.yaml` and `.yml` files in it, in the order of their names. @return false after saying which
/// one can't be read.
bool read_endpoint_files(const std::vector<std::string>& paths,
                         v1::ApplyRequest& request,
                         Session& session);

/// Says which errors the files have: each as a line on stderr, or, where they stand in the data on
/// stdout already, the first of them. The exit status becomes 1.
void refuse_files(const v1::ApplyResponse& answer, Session& session);

}  // namespace quorate::cli

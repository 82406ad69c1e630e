#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/verbs/probe_options.hpp"
#include "core/model/failure.hpp"
#include "probe/request.hpp"

namespace quorate::cli {

/// One thing that `quorate probe` looks at.
struct ProbedEndpoint {
    std::string name;  ///< what people call it: `tenant/name` of an endpoint file, else the URL
    ProbeRequest request;
    std::optional<Failure> refused;  ///< why it can't be probed from here; then it is UNKNOWN
};

/// The endpoints: the URLs of the command line, then those of the file, which is either a list of
/// URLs, one a line (`#` begins a comment), or an endpoint file. Throws CLI::ValidationError with
/// everything that is wrong in an endpoint file.
std::vector<ProbedEndpoint> endpoints_of(const ProbeOptions& options);

}  // namespace quorate::cli

#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/endpoint.hpp"
#include "core/time/utc_minute.hpp"
#include "platform/config/config_error.hpp"

namespace quorate::wire {

/// One endpoint file as it came in; `name` is what errors call it.
struct EndpointFileText {
    std::string name;
    std::string content;
};

/// What a deployment knows that files are checked against.
struct EndpointRules {
    Window window = Window::minute();
    std::vector<std::string> regions;  ///< names of the configured regions
    /// Secrets that may be referred to, as `tenant/name`; nothing: any may.
    std::optional<std::set<std::string, std::less<>>> secrets{};
    /// False where no deployment is known: regions may be any, and nothing is held against the
    /// window.
    bool of_deployment = true;
};

struct EndpointFiles {
    std::vector<EndpointSpec>
        specs;              ///< in the order of the files; to be used if `errors` is empty
    ConfigErrors errors;    ///< every error of every file, by file, then line
    ConfigErrors warnings;  ///< what is legal, but probably not meant
};

/// Reads endpoint files (YAML, see docs/endpoint-file.md) and checks them against `rules` and, for
/// duplicate names, against each other. Pure; throws nothing but std::bad_alloc.
EndpointFiles parse_endpoint_files(const std::vector<EndpointFileText>& files,
                                   const EndpointRules& rules);

/// One item of an endpoint file's list, in lines of its own, with all defaults written out.
std::string to_yaml_item(const EndpointSpec& spec);

/// One endpoint file that parse_endpoint_files reads back to equal specs.
std::string to_yaml(const std::vector<EndpointSpec>& specs);

/// The canonical JSON of a spec, as the catalogue stores it: keys as in the endpoint file,
/// durations in milliseconds (`timeout_ms`), all defaults written out, so that a later change of a
/// default does not change what is stored.
std::string to_json(const EndpointSpec& spec);

/// Reads back what to_json wrote. Throws std::runtime_error if it is none.
EndpointSpec endpoint_spec_from_json(std::string_view json);

}  // namespace quorate::wire

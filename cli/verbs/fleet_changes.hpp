#pragma once

#include <memory>
#include <string>

#include <CLI/App.hpp>

#include "cli/session.hpp"

namespace quorate::cli {

/// Adds `drain`, `resume` and `remove` to the verb `regions`.
void add_region_changes(CLI::App& regions, Session& session);
/// Adds `cordon` and `uncordon` to the verb `agents`.
/// @param region what is given for `--region` of the verb itself
void add_agent_changes(CLI::App& agents,
                       std::shared_ptr<const std::string> region,
                       Session& session);

}  // namespace quorate::cli

#pragma once

#include <CLI/App.hpp>

#include "cli/session.hpp"

namespace quorate::cli {

/// Adds `drain`, `resume` and `remove` to the verb `regions`.
void add_region_changes(CLI::App& regions, Session& session);
/// Adds `cordon` and `uncordon` to the verb `agents`.
void add_agent_changes(CLI::App& agents, Session& session);

}  // namespace quorate::cli

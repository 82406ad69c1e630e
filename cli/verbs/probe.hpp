#pragma once

#include <CLI/App.hpp>

#include "cli/session.hpp"

namespace quorate::cli {

/// Adds `quorate probe URL…`, which looks at MCP servers from this machine and needs no
/// coordinator. Its callback prints the reports and sets the exit status: 0 UP; 1 FAIL; 3 SLOW,
/// DEGRADED or AUTH; 4 UNKNOWN; the worst in the order 1, 4, 3, 0. What is wrong on the command
/// line throws a CLI::ParseError (exit status 2). `-o json` stands for `--format json`.
void add_probe_verb(CLI::App& app, Session& session);

}  // namespace quorate::cli

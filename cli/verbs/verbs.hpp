#pragma once

#include <CLI/App.hpp>

#include "cli/session.hpp"

namespace quorate::cli {

// Each adds its subcommand to `app`; the callback prints and sets the session's exit status.
void add_apply_verb(CLI::App& app, Session& session);
void add_describe_verb(CLI::App& app, Session& session);
void add_diff_verb(CLI::App& app, Session& session);
void add_export_verb(CLI::App& app, Session& session);
void add_forget_verb(CLI::App& app, Session& session);
void add_get_verb(CLI::App& app, Session& session);
void add_explain_verb(CLI::App& app, Session& session);
void add_watch_verb(CLI::App& app, Session& session);
void add_incidents_verb(CLI::App& app, Session& session);
void add_replay_verb(CLI::App& app, Session& session);
void add_regions_verb(CLI::App& app, Session& session);
void add_queues_verb(CLI::App& app, Session& session);
void add_agents_verb(CLI::App& app, Session& session);
void add_uptime_verb(CLI::App& app, Session& session);
void add_config_verb(CLI::App& app, Session& session);
void add_completion_verb(CLI::App& app, Session& session);
/// `pause` and `resume`.
void add_pause_verbs(CLI::App& app, Session& session);
/// `maintenance` and `silence`.
void add_window_verbs(CLI::App& app, Session& session);
void add_drain_verb(CLI::App& app, Session& session);
void add_tenants_verb(CLI::App& app, Session& session);
void add_run_now_verb(CLI::App& app, Session& session);
void add_secret_verb(CLI::App& app, Session& session);
void add_token_verb(CLI::App& app, Session& session);
void add_audit_verb(CLI::App& app, Session& session);
void add_version_verb(CLI::App& app, Session& session);

}  // namespace quorate::cli

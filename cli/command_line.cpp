#include "cli/command_line.hpp"

#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/verbs/probe.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

void add_connection_options(CLI::App& app, Connection& connection) {
    app.add_option("--server", connection.server, "address of the coordinator")
        ->capture_default_str()
        ->envname("QUORATE_SERVER");
    app.add_flag("--tls", connection.tls, "encrypted; the system's authorities sign it");
    const auto text = [&app](const char* option, auto& value, const char* help, const char* env) {
        app.add_option(option, value, help)->envname(env)->type_name("FILE");
    };
    text("--tls-ca", connection.tls_ca, "encrypted; who signs the coordinator", "QUORATE_TLS_CA");
    text("--tls-cert", connection.tls_cert, "encrypted; our certificate", "QUORATE_TLS_CERT");
    text("--tls-key", connection.tls_key, "its private key", "QUORATE_TLS_KEY");
    app.add_option("--tls-server-name",
                   connection.tls_server_name,
                   "the name in the coordinator's certificate, if not that of --server")
        ->type_name("NAME");
    text("--token-file",
         connection.token_file,
         "a token that says who we are",
         "QUORATE_TOKEN_FILE");
    app.add_option("--reason", connection.reason, "why, for the audit log")->type_name("TEXT");
}

int run_verb(int argc, char** argv) {
    CLI::App app{"Asks and orders a Quorate coordinator; probes an MCP server by itself.",
                 "quorate"};
    Session session;
    std::string output = "table";
    add_connection_options(app, session.connection);
    app.add_option("-o,--output", output, "table, json or yaml")
        ->check(CLI::IsMember({"table", "json", "yaml"}))
        ->capture_default_str();
    // Subcommands take the options above too, so that they may stand behind the verb.
    app.fallthrough();
    app.require_subcommand(1);
    app.parse_complete_callback([&] { session.output = format_named(output); });

    add_probe_verb(app, session);
    add_apply_verb(app, session);
    add_describe_verb(app, session);
    add_diff_verb(app, session);
    add_export_verb(app, session);
    add_get_verb(app, session);
    add_explain_verb(app, session);
    add_watch_verb(app, session);
    add_incidents_verb(app, session);
    add_replay_verb(app, session);
    add_forget_verb(app, session);
    add_uptime_verb(app, session);
    add_pause_verbs(app, session);
    add_regions_verb(app, session);
    add_queues_verb(app, session);
    add_agents_verb(app, session);
    add_token_verb(app, session);
    add_audit_verb(app, session);
    add_completion_verb(app, session);
    add_version_verb(app, session);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // Without a verb nothing else of the command line can be understood, `--help` included.
        if (app.get_subcommands().empty() && app.remaining_size() > 0) {
            std::cerr << "quorate: there is no verb or option "
                      << printable(app.remaining().front()) << "; quorate --help lists them\n";
            return Session::kUsage;
        }
        return app.exit(error) == 0 ? Session::kDone : Session::kUsage;
    } catch (const std::exception& error) {
        session.fail(error.what());
    }
    return session.exit_status;
}

}  // namespace

int run_command_line(int argc, char** argv) {
    const int status = run_verb(argc, argv);
    std::cout.flush();
    if (std::cout) return status;
    std::cerr << "quorate: not all of the output could be written\n";
    return status == Session::kDone ? Session::kFailed : status;
}

}  // namespace quorate::cli

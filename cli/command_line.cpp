#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/contexts.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/verbs/probe.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

/// A key goes into a header, which takes no other characters.
std::string idempotency_key_problem(const std::string& key) {
    constexpr std::size_t kBytesMax = 64;
    const auto plain = [](char c) { return c > ' ' && c <= '~'; };
    if (!key.empty() && key.size() <= kBytesMax && std::ranges::all_of(key, plain)) return "";
    return "a key is 1 to 64 printable ASCII characters, without spaces";
}

void add_connection_options(CLI::App& app, Connection& connection) {
    app.add_option("--server", connection.server, "address of the coordinator")
        ->check(CLI::Validator{[](const std::string& server) {
                                   return std::string{server.empty() ? "is empty: HOST:PORT" : ""};
                               },
                               ""})
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
    app.add_option("--idempotency-key",
                   connection.idempotency_key,
                   "repeated with the same key within 48 hours, a change is done once: for scripts "
                   "that try again")
        ->check(CLI::Validator{idempotency_key_problem, ""})
        ->type_name("KEY");
}

constexpr const char* kFooter =
    "An option comes before its variable in the environment, this before the context, and this\n"
    "before the default. Where --server or QUORATE_SERVER names the coordinator, TLS and token of\n"
    "the current context are left out, unless --context or QUORATE_CONTEXT names it: they are for\n"
    "its own server. quorate config show says what is in force, and where it comes from.\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage; diff: 3 there are differences; "
    "probe:\n"
    "0 UP, 1 FAIL, 3 SLOW, DEGRADED or AUTH, 4 UNKNOWN. NO_COLOR takes the colours away.";

/// What the option of a key has now, and whether the command line or the environment says so.
Setting setting_of(const CLI::Option& option, std::string_view key) {
    Setting setting{std::string{key}, option.get_default_str(), "default"};
    if (option.count() == 0) return setting;
    setting.value = option.results().back();
    const auto variable = option.get_envname();
    const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
    setting.from = value != nullptr && setting.value == value ? variable : option.get_name();
    return setting;
}

bool about_the_connection(std::string_view key) {
    return key.starts_with("tls") || key == "token_file";
}

/// Gives the options that neither the command line nor the environment sets what the context says.
/// @param wanted  the context's name; empty: the current one
void use_context(CLI::App& app, const std::string& wanted, ContextInForce& in_force) {
    in_force.file = contexts_path();
    Contexts contexts;
    try {
        contexts = read_contexts(in_force.file);
    } catch (const std::runtime_error& error) {
        in_force.problem = error.what();
    }
    in_force.name = wanted.empty() ? contexts.current : wanted;
    const auto found = contexts.named.find(in_force.name);
    const auto* context = found == contexts.named.end() ? nullptr : &found->second;
    if (context == nullptr && !wanted.empty() && in_force.problem.empty())
        in_force.problem = "there is no context " + printable(wanted) + " in " + in_force.file +
                           "; quorate config list shows those there are";
    const bool elsewhere = wanted.empty() && app.get_option("--server")->count() > 0;
    for (const auto key : kContextKeys) {
        const auto value = context == nullptr ? Context::const_iterator{} : context->find(key);
        const bool said = context != nullptr && value != context->end() &&
                          !(elsewhere && about_the_connection(key));
        if (key == "tenant") {
            if (said) in_force.tenant = value->second;
            in_force.settings.push_back(
                {"tenant", in_force.tenant, said ? "context " + in_force.name : "default"});
            continue;
        }
        auto& option = *app.get_option(option_named(key));
        auto setting = setting_of(option, key);
        if (said && option.count() == 0) {
            option.add_result(value->second);
            option.run_callback();
            setting = {std::string{key}, value->second, "context " + in_force.name};
        }
        in_force.settings.push_back(std::move(setting));
    }
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
    std::string context;
    app.add_option("--context", context, "the context to use (quorate config list)")
        ->type_name("NAME")
        ->envname("QUORATE_CONTEXT");
    app.footer("quorate --help lists the options of all verbs: server, identity, context, output.");
    app.parse_complete_callback([&] {
        use_context(app, context, session.in_force);
        session.output = format_named(output);
    });

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
    add_window_verbs(app, session);
    add_regions_verb(app, session);
    add_drain_verb(app, session);
    add_tenants_verb(app, session);
    add_queues_verb(app, session);
    add_agents_verb(app, session);
    add_run_now_verb(app, session);
    add_secret_verb(app, session);
    add_token_verb(app, session);
    add_audit_verb(app, session);
    add_config_verb(app, session);
    add_completion_verb(app, session);
    add_version_verb(app, session);
    app.footer(kFooter);  // verbs have taken over the one above
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

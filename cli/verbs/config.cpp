#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "cli/contexts.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

namespace json = boost::json;

/// What `show` shows in place of a context of that name.
constexpr const char* kCoordinator = "coordinator";

/// Settings as they stand on the command line; an empty one takes a setting away.
struct SetOptions {
    std::string name;
    Context given;
};

/// Nothing after saying that there is no such context.
const Context* find(const Contexts& contexts, const std::string& name, Session& session) {
    const auto found = contexts.named.find(name);
    if (found != contexts.named.end()) return &found->second;
    session.fail("there is no context " + printable(name) + " in " + session.in_force.file +
                 "; quorate config list shows those there are");
    return nullptr;
}

json::object named_object(const Contexts& contexts, const std::string& name, const Context& of) {
    json::object object{{"name", name}, {"current", name == contexts.current}};
    for (const auto& member : to_json(of))
        object[member.key()] = member.value();
    return object;
}

void show_path(Session& session) {
    const auto& file = session.in_force.file;
    const bool exists = std::filesystem::exists(file);
    if (session.prints_data())
        print_data({{"path", file}, {"exists", exists}}, session.output);
    else
        std::cout << file << '\n';
}

void list(Session& session) {
    const auto contexts = read_contexts(session.in_force.file);
    if (session.prints_data()) {
        json::array rows;
        for (const auto& [name, context] : contexts.named)
            rows.push_back(named_object(contexts, name, context));
        print_data(rows, session.output);
        return;
    }
    Table table{{"CURRENT", "NAME", "SERVER", "TLS", "TENANT", "TOKEN FILE"}};
    for (const auto& [name, context] : contexts.named) {
        const auto value = [&of = context](const char* key) {
            const auto found = of.find(key);
            return found == of.end() ? std::string{"-"} : found->second;
        };
        const bool encrypted =
            context.contains("tls") || context.contains("tls_ca") || context.contains("tls_cert");
        table.add({name == contexts.current ? "*" : "",
                   name,
                   value("server"),
                   encrypted ? "yes" : "no",
                   value("tenant"),
                   value("token_file")});
    }
    print(table);
}

void use(const std::string& name, Session& session) {
    auto contexts = read_contexts(session.in_force.file);
    if (find(contexts, name, session) == nullptr) return;
    contexts.current = name;
    write_contexts(contexts, session.in_force.file);
    if (session.prints_data())
        print_data({{"current", name}}, session.output);
    else
        std::cout << "context " << name << " is the current one\n";
}

void set(const SetOptions& options, Session& session) {
    if (auto problem = context_name_problem(options.name); !problem.empty())
        throw CLI::ValidationError{"NAME", problem};
    if (options.name == kCoordinator)
        throw CLI::ValidationError{"NAME", "coordinator is what config show shows the config of"};
    if (options.given.empty())
        throw CLI::ValidationError{"config set", "nothing to set; such as --server HOST:PORT"};
    auto contexts = read_contexts(session.in_force.file);
    const bool is_new = !contexts.named.contains(options.name);
    auto& context = contexts.named[options.name];
    for (const auto& [key, value] : options.given) {
        if (value.empty())
            context.erase(key);
        else if (!names_file(key))
            context[key] = value;
        // What is no file may be the token itself, which belongs neither there nor on a screen.
        else if (!std::filesystem::exists(value))
            throw CLI::ValidationError{option_named(key), "there is no such file"};
        else
            context[key] = std::filesystem::absolute(value).lexically_normal().string();
    }
    write_contexts(contexts, session.in_force.file);
    if (session.prints_data()) {
        print_data(named_object(contexts, options.name, context), session.output);
        return;
    }
    std::cout << "context " << options.name << (is_new ? " added" : " changed");
    if (contexts.current != options.name)
        std::cout << "; quorate config use " << options.name << " makes it the current one";
    std::cout << '\n';
}

void remove(const std::string& name, Session& session) {
    auto contexts = read_contexts(session.in_force.file);
    if (find(contexts, name, session) == nullptr) return;
    const bool was_current = contexts.current == name;
    contexts.named.erase(name);
    if (was_current) contexts.current.clear();
    write_contexts(contexts, session.in_force.file);
    if (session.prints_data())
        print_data({{"deleted", name}}, session.output);
    else
        std::cout << "context " << name << " deleted"
                  << (was_current ? "; none is the current one now" : "") << '\n';
}

void show_named(const std::string& name, Session& session) {
    const auto contexts = read_contexts(session.in_force.file);
    const auto* context = find(contexts, name, session);
    if (context == nullptr) return;
    if (session.prints_data()) {
        print_data(named_object(contexts, name, *context), session.output);
        return;
    }
    Table table{{"SETTING", "VALUE"}};
    for (const auto& [key, value] : *context)
        table.add({key, value});
    print(table);
}

void show_in_force(Session& session) {
    const auto& context = session.in_force;
    if (!context.problem.empty()) {
        session.fail(context.problem);
        return;
    }
    if (session.prints_data()) {
        json::array settings;
        for (const auto& setting : context.settings)
            settings.push_back(
                {{"name", setting.name}, {"value", setting.value}, {"from", setting.from}});
        json::object object{{"context", nullptr}, {"file", context.file}};
        if (!context.name.empty()) object["context"] = context.name;
        object["settings"] = std::move(settings);
        print_data(object, session.output);
        return;
    }
    Table table{{"SETTING", "VALUE", "FROM"}};
    for (const auto& setting : context.settings)
        table.add({setting.name, setting.value.empty() ? "-" : setting.value, setting.from});
    print(table);
}

/// The config of the coordinator that answers, as it is in force there.
void show_coordinator(Session& session) {
    v1::GetConfigResponse answer;
    if (!session.succeeded(session.admin().GetConfig(session.call().get(), {}, &answer))) return;
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    std::cout << "# " << answer.daemon() << ' ' << answer.version() << ", " << answer.name()
              << '\n';
    for (const auto& entry : answer.entries())
        std::cout << entry.key() << ": " << printable(entry.value()) << '\n';
    for (const auto& key : answer.restart_needed())
        std::cerr << "warning: the file sets " << key
                  << " otherwise; that counts from the next start on\n";
}

/// Where the config of a daemon is seen that has no API.
std::string elsewhere(const std::string& daemon) {
    return "no " + daemon +
           " can be asked from here: its log says what is in force (config.reloaded, or "
           "config.refused and why), and on its machine quorate-" +
           daemon + " --config FILE --check-config whether the file can be used";
}

void add_set(CLI::App& verb, Session& session) {
    auto options = std::make_shared<SetOptions>();
    auto* set_verb = verb.add_subcommand(
        "set", "Adds a context or changes settings of one; an empty text takes a setting away");
    set_verb->add_option("NAME", options->name, "of the context")->required();
    const auto text = [&](const char* option, const char* key, const char* help) {
        return set_verb
            ->add_option_function<std::string>(
                option,
                [options, key](const std::string& value) { options->given[key] = value; },
                help)
            ->type_name(names_file(key) ? "FILE" : "TEXT");
    };
    text("--server", "server", "address of the coordinator")->type_name("HOST:PORT");
    set_verb->add_flag_function(
        "--tls,!--no-tls",
        [options](std::int64_t count) { options->given["tls"] = count > 0 ? "true" : ""; },
        "encrypted; the system's authorities sign it");
    text("--tls-ca", "tls_ca", "encrypted; who signs the coordinator");
    text("--tls-cert", "tls_cert", "encrypted; our certificate");
    text("--tls-key", "tls_key", "its private key");
    text("--tls-server-name", "tls_server_name", "the name in the coordinator's certificate");
    text("--token-file", "token_file", "where the token is; the token itself is not kept");
    text("--tenant", "tenant", "meant where a command names none");
    text("-o,--output", "output", "table, json or yaml")
        ->check(CLI::IsMember({"table", "json", "yaml"}));
    set_verb->callback([options, &session] { set(*options, session); });
}

}  // namespace

void add_config_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("config",
                                    "Keeps contexts: coordinators by name, and who we are at each");
    verb->footer(
        "The file is QUORATE_CONFIG, or else quorate/config.yaml in XDG_CONFIG_HOME or ~/.config. "
        "It\n"
        "holds names of files, and never a token.");
    verb->require_subcommand(1);
    verb->add_subcommand("path", "Shows which file the contexts are in")->callback([&session] {
        show_path(session);
    });
    verb->add_subcommand("list", "Lists the contexts")->callback([&session] { list(session); });
    auto name = std::make_shared<std::string>();
    auto* use_verb = verb->add_subcommand("use", "Makes a context the current one");
    use_verb->add_option("NAME", *name, "of the context")->required();
    use_verb->callback([name, &session] { use(*name, session); });
    add_set(*verb, session);
    auto* delete_verb = verb->add_subcommand("delete", "Deletes a context");
    delete_verb->add_option("NAME", *name, "of the context")->required();
    delete_verb->callback([name, &session] { remove(*name, session); });
    auto* show_verb = verb->add_subcommand(
        "show",
        "Shows a context, or, without a name, what is in force and where it comes from; or what "
        "config the coordinator runs with");
    show_verb->add_option("NAME", *name, "of the context, or the word coordinator");
    show_verb->callback([name, &session] {
        if (name->empty())
            show_in_force(session);
        else if (*name == kCoordinator)
            show_coordinator(session);
        else if (*name == "agent" || *name == "archiver")
            session.fail(elsewhere(*name));
        else
            show_named(*name, session);
    });
}

}  // namespace quorate::cli

#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/endpoint_files.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

struct ApplyOptions {
    std::vector<std::string> paths;
    bool prune = false;
    bool yes = false;
    bool dry_run = false;
};

void print_changes(const v1::ApplyResponse& answer, bool dry_run) {
    for (const auto& warning : answer.warnings())
        std::cerr << "warning: " << printable(warning) << '\n';
    for (const auto& name : answer.created())
        std::cout << "created   " << name << '\n';
    for (const auto& name : answer.changed())
        std::cout << "changed   " << name << '\n';
    for (const auto& name : answer.deleted())
        std::cout << "deleted   " << name << '\n';
    for (const auto& name : answer.unchanged())
        std::cout << "unchanged " << name << '\n';
    std::cout << answer.created_size() << " created, " << answer.changed_size() << " changed, "
              << answer.unchanged_size() << " unchanged, " << answer.deleted_size() << " deleted";
    if (dry_run)
        std::cout << " (dry run: nothing was changed)";
    else if (answer.has_in_force_from_us())
        std::cout << "; in force from " << time_text(answer.in_force_from_us());
    std::cout << '\n';
}

void apply(const ApplyOptions& options, Session& session) {
    v1::ApplyRequest request;
    if (!read_endpoint_files(options.paths, request, session)) return;
    request.set_prune(options.prune);
    request.set_yes(options.yes);
    request.set_dry_run(options.dry_run);
    v1::ApplyResponse answer;
    const auto context = request.dry_run() ? session.call() : session.change();
    if (!session.succeeded(session.admin().Apply(context.get(), request, &answer))) return;
    if (session.prints_data()) print_data(to_json(answer), session.output);
    if (answer.errors_size() > 0) {
        refuse_files(answer, session);
        return;
    }
    if (!session.prints_data()) print_changes(answer, options.dry_run);
}

}  // namespace

void add_apply_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ApplyOptions>();
    auto* verb =
        app.add_subcommand("apply", "Puts endpoint files into the catalogue, all or nothing");
    verb->add_option("-f,--file", options->paths, "a file, a folder of .yaml files, or - for stdin")
        ->type_name("FILE")
        ->required();
    verb->add_flag("--prune",
                   options->prune,
                   "delete endpoints absent from the files, of tenants that occur in them");
    verb->add_flag("--yes", options->yes, "prune also more than 20 % of a tenant");
    verb->add_flag("--dry-run", options->dry_run, "say what would change, and change nothing");
    verb->callback([options, &session] { apply(*options, session); });
}

}  // namespace quorate::cli

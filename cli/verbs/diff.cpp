#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/patch.hpp"
#include "cli/table.hpp"
#include "cli/verbs/endpoint_files.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

constexpr int kDiffers = 3;

struct DiffOptions {
    std::vector<std::string> paths;
    bool prune = false;
};

void diff(const DiffOptions& options, Session& session) {
    v1::ApplyRequest request;
    if (!read_endpoint_files(options.paths, request, session)) return;
    request.set_prune(options.prune);
    request.set_dry_run(true);
    request.set_with_changes(true);
    v1::ApplyResponse answer;
    if (!session.succeeded(session.admin().Apply(session.call().get(), request, &answer))) return;
    if (answer.errors_size() > 0) {
        if (session.prints_data()) print_data(to_json(answer), session.output);
        refuse_files(answer, session);
        return;
    }
    for (const auto& warning : answer.warnings())
        std::cerr << "warning: " << printable(warning) << '\n';
    if (answer.changes_size() > 0) session.exit_status = kDiffers;
    if (session.prints_data()) {
        print_data(to_json(answer).as_object()["changes"], session.output);
        return;
    }
    for (const auto& change : answer.changes())
        std::cout << patch_text(
            change.endpoint(), change.before(), change.after(), terminal_wants_colour());
    std::cout.flush();
}

}  // namespace

void add_diff_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<DiffOptions>();
    auto* verb = app.add_subcommand(
        "diff", "Shows as a patch what apply would change; exit status 3 where it would");
    verb->add_option("-f,--file", options->paths, "a file, a folder of .yaml files, or - for stdin")
        ->type_name("FILE")
        ->required();
    verb->add_flag("--prune",
                   options->prune,
                   "also endpoints absent from the files, of tenants that occur in them");
    verb->callback([options, &session] { diff(*options, session); });
}

}  // namespace quorate::cli

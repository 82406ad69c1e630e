#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

struct ApplyOptions {
    std::vector<std::string> paths;
    bool prune = false;
    bool yes = false;
    bool dry_run = false;
};

/// A folder stands for the `.yaml` and `.yml` files in it, in the order of their names.
std::vector<std::string> expand(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const auto& path : paths) {
        if (!fs::is_directory(path)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> inside;
        for (const auto& entry : fs::directory_iterator{path})
            if (entry.is_regular_file() &&
                (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml"))
                inside.push_back(entry.path().string());
        std::sort(inside.begin(), inside.end());
        files.insert(files.end(), inside.begin(), inside.end());
    }
    return files;
}

/// Reads every file, `-` being standard input; false after saying which one can't be read.
bool read_files(const ApplyOptions& options, v1::ApplyRequest& request, Session& session) {
    for (const auto& path : expand(options.paths)) {
        auto& file = *request.add_files();
        file.set_name(path);
        std::ifstream stream;
        if (path != "-" && fs::is_regular_file(path)) stream.open(path, std::ios::binary);
        std::istream& source = path == "-" ? std::cin : stream;
        file.mutable_content()->assign(std::istreambuf_iterator<char>{source}, {});
        if ((path != "-" && !stream.is_open()) || source.bad()) {
            session.fail(path + ": can't be read");
            return false;
        }
    }
    if (request.files_size() > 0) return true;
    session.fail("no .yaml file in " + options.paths.front());
    return false;
}

/// `file:line: key: message`.
std::string error_text(const v1::FileError& error) {
    std::string text = error.file();
    if (error.line() != 0) text += ":" + std::to_string(error.line());
    text += ": ";
    if (!error.key().empty()) text += error.key() + ": ";
    return printable(text + error.message());
}

void print_errors(const v1::ApplyResponse& answer) {
    for (const auto& error : answer.errors())
        std::cerr << error_text(error) << '\n';
    std::cerr << "quorate: " << answer.errors_size()
              << (answer.errors_size() == 1 ? " error" : " errors") << ", nothing was changed\n";
}

/// Every error as a line; where they stand in the JSON on stdout already, one line for the reader
/// of stderr.
void refuse(const v1::ApplyResponse& answer, Session& session) {
    const auto more = answer.errors_size() - 1;
    if (session.output == OutputFormat::json)
        session.fail(error_text(answer.errors(0)) +
                     (more > 0 ? " (and " + std::to_string(more) + " more)" : std::string{}) +
                     "; nothing was changed");
    else
        print_errors(answer);
    session.exit_status = Session::kFailed;
}

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
    if (!read_files(options, request, session)) return;
    request.set_prune(options.prune);
    request.set_yes(options.yes);
    request.set_dry_run(options.dry_run);
    v1::ApplyResponse answer;
    if (!session.succeeded(session.admin().Apply(session.call().get(), request, &answer))) return;
    if (session.output == OutputFormat::json) print_json(to_json(answer));
    if (answer.errors_size() > 0) {
        refuse(answer, session);
        return;
    }
    if (session.output == OutputFormat::table) print_changes(answer, options.dry_run);
}

}  // namespace

void add_apply_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ApplyOptions>();
    auto* verb =
        app.add_subcommand("apply", "Puts endpoint files into the catalogue, all or nothing");
    verb->add_option("-f,--file", options->paths, "a file, a folder of .yaml files, or - for stdin")
        ->required();
    verb->add_flag("--prune",
                   options->prune,
                   "delete endpoints absent from the files, of tenants that occur in them");
    verb->add_flag("--yes", options->yes, "prune also more than 20 % of a tenant");
    verb->add_flag("--dry-run", options->dry_run, "say what would change, and change nothing");
    verb->callback([options, &session] { apply(*options, session); });
}

}  // namespace quorate::cli

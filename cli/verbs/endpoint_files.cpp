#include "cli/verbs/endpoint_files.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "cli/bounded_file.hpp"
#include "cli/table.hpp"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

bool read_endpoint_files(const std::vector<std::string>& paths,
                         v1::ApplyRequest& request,
                         Session& session) {
    for (const auto& path : expand(paths)) {
        auto& file = *request.add_files();
        file.set_name(path);
        try {
            file.set_content(read_bounded_text(path));
        } catch (const std::runtime_error& error) {
            session.fail(error.what());
            return false;
        }
    }
    if (request.files_size() > 0) return true;
    session.fail("no .yaml file in " + paths.front());
    return false;
}

void refuse_files(const v1::ApplyResponse& answer, Session& session) {
    const auto more = answer.errors_size() - 1;
    if (session.prints_data())
        session.fail(error_text(answer.errors(0)) +
                     (more > 0 ? " (and " + std::to_string(more) + " more)" : std::string{}) +
                     "; nothing was changed");
    else
        print_errors(answer);
    session.exit_status = Session::kFailed;
}

}  // namespace quorate::cli

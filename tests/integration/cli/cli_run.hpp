#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace quorate {

/// What one run of `quorate` came to.
struct CliRun {
    int status = -1;  ///< exit status; -1 where a signal ended it
    std::string out;
    std::string err;
};

/// Runs `quorate` with these arguments to its end, its outputs being no terminals.
/// @param variables  of the environment, beside those of this process
/// @param started  is told the process' id
CliRun run_cli(const std::vector<std::string>& arguments,
               const std::vector<std::pair<std::string, std::string>>& variables = {},
               const std::function<void(int)>& started = {});

/// As run_cli(), with standard output into a file that is there, such as /dev/full.
CliRun run_cli_into(const std::string& file, const std::vector<std::string>& arguments);

/// As run_cli(), with standard output and error on one terminal of that many columns; all of it is
/// `out`.
CliRun run_cli_on_terminal(const std::vector<std::string>& arguments, unsigned short columns);

/// A folder for the files of one test.
class TestFolder {
public:
    TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    ~TestFolder();

    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    /// Writes a file and gives its path.
    std::string file(const std::string& name, const std::string& text) const;
    static std::string contents(const std::string& path);
    std::size_t count() const;

private:
    std::filesystem::path folder_;
};

}  // namespace quorate

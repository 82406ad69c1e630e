// Prints docs/configuration.md from the tables that declare the keys; with a FILE compares it.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "archiver/config.hpp"
#include "coordinator/config.hpp"
#include "platform/config/schema.hpp"
#include "region-agent/config.hpp"

namespace {

const std::string kHead =
    "# Configuration\n\n"
    "Every key of the daemons' YAML files. Generated: do not edit "
    "(`tests/architecture/README.md`).\n"
    "`redis.url` is `url` below `redis`. An unknown key is an error that names file, line and "
    "key;\n"
    "`--check-config` loads a file, reports and exits. SIGHUP takes the keys marked live; the "
    "others "
    "count from the next\n"
    "start on.\n\n";

}  // namespace

int main(int argc, char** argv) {
    using namespace quorate;
    const auto wanted = kHead + to_markdown(coordinator::config_schema()) + '\n' +
                        to_markdown(agent::config_schema()) + '\n' + to_markdown(archiver_schema());
    if (argc < 2) {
        std::cout << wanted;
        return 0;
    }
    std::ifstream file{argv[1]};
    const std::string found{std::istreambuf_iterator<char>{file}, {}};
    if (found == wanted) return 0;
    std::cerr << argv[1] << " is not what the daemons declare; make it anew: " << argv[0] << " > "
              << argv[1] << '\n';
    return 1;
}

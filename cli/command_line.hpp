#pragma once

namespace quorate::cli {

/// Carries out one command line. @return the exit status: that of the verb, or 1 where its output
/// could not be written whole, as to a full disk.
int run_command_line(int argc, char** argv);

}  // namespace quorate::cli

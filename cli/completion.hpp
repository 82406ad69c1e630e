#pragma once

#include <string>

#include <CLI/App.hpp>

namespace quorate::cli {

enum class Shell { bash, zsh, fish };

/// A script that completes the verbs, options and values of `program` in a shell. It is made from
/// what the program declares: verbs with their descriptions, options, the values of those with
/// CLI::IsMember, and files where the name of an option's type is FILE.
std::string completion_script(const CLI::App& program, Shell shell);

}  // namespace quorate::cli

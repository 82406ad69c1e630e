#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace quorate::cli {

/// What a context may say. But for `tenant` each is the default of the option of that name.
inline constexpr std::array<std::string_view, 9> kContextKeys{"server",
                                                              "tls",
                                                              "tls_ca",
                                                              "tls_cert",
                                                              "tls_key",
                                                              "tls_server_name",
                                                              "token_file",
                                                              "tenant",
                                                              "output"};

/// Whether the value of a key is a file's name.
bool names_file(std::string_view key);

/// The option whose default a key is: `tls_ca`: `--tls-ca`.
std::string option_named(std::string_view key);

/// One coordinator and who we are there: what the file says, by key. A token itself is never part
/// of it.
using Context = std::map<std::string, std::string, std::less<>>;

/// The operator's file of contexts.
struct Contexts {
    std::string current;  ///< empty: none
    std::map<std::string, Context, std::less<>> named;
};

/// Where the contexts are: QUORATE_CONFIG, or quorate/config.yaml in XDG_CONFIG_HOME or ~/.config;
/// empty where none of these is set.
std::string contexts_path();

/// What is wrong with the name of a context; empty if nothing.
std::string context_name_problem(std::string_view name);

/// The contexts in `text`; names of files in it are relative to the folder of `file`. Throws
/// InvalidConfig with every error: file, line, key.
Contexts parse_contexts(std::string_view text, const std::string& file);

/// Those of a file; none where it does not exist. Throws InvalidConfig.
Contexts read_contexts(const std::string& file);

/// Writes the file as a whole, for its owner alone, and makes its folder. Throws
/// std::runtime_error.
void write_contexts(const Contexts& contexts, const std::string& file);

/// Every key of a context, absent ones `null`.
boost::json::object to_json(const Context& context);

/// One setting of this run, and what it comes from: an option, a variable, a context, the default.
struct Setting {
    std::string name;
    std::string value;
    std::string from;
};

/// What the contexts mean for one run of the program.
struct ContextInForce {
    std::string file;
    std::string name;     ///< empty: none
    std::string tenant;   ///< where the command line names none; empty: as the coordinator does
    std::string problem;  ///< why no context can be used although one is wanted; for who connects
    std::vector<Setting> settings;
};

}  // namespace quorate::cli

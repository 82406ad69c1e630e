#pragma once

#include <set>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "probe/request.hpp"

namespace quorate::cli {

/// The options of `quorate probe` as they were written.
struct ProbeOptions {
    std::vector<std::string> urls;
    std::string url_file;
    std::string timeout = "8s";
    std::string retry_gap = "2s";
    bool no_retry = false;
    std::string era = "auto";
    std::vector<std::string> expected_tools;
    bool expect_auth_wall = false;
    std::string latency_slo;
    std::vector<std::string> headers;
    std::string bearer_file;
    std::string bearer_env;
    std::string canary;
    std::string canary_args = "{}";
    std::vector<std::string> canary_expect;
    std::string ca_file;
    std::string bind;
    std::vector<std::string> resolve;
    bool allow_private = false;
    std::string format = "text";
    bool trace = false;
    std::string manifest;
    std::string write_manifest;
    /// Of the options that an endpoint file can say too, those that stand on the command line.
    std::set<std::string, std::less<>> given;
};

/// Declares them on the verb.
void declare(CLI::App& verb, ProbeOptions& options);

/// Fills `given`, once the command line is parsed.
void note_given(const CLI::App& verb, ProbeOptions& options);

/// The request for a URL of the command line, checked as a whole. Throws CLI::ValidationError with
/// what is wrong.
ProbeRequest request_of(const ProbeOptions& options, const std::string& url);

/// Puts what the options say of every endpoint into the request for one of a file: `--retry-gap`,
/// `--no-retry`, `--ca-file`, `--bind`, `--resolve`, `--allow-private`, `--header`; and what a file
/// says itself only where it was given. Throws CLI::ValidationError.
void apply_options(const ProbeOptions& options, ProbeRequest& request);

/// The bearer token of the options; empty where they have none. Throws CLI::ValidationError where
/// it can't be read.
std::string bearer_of(const ProbeOptions& options);

/// Refuses a wall that would be looked for with a credential in hand: it is seen without one alone.
/// Throws CLI::ValidationError.
/// @param whose  what people call the endpoint, in front of the message
void refuse_wall_with_credential(const ProbeRequest& request, const std::string& whose);

/// Sets a header in place of one of the same name.
void set_header(ProbeRequest& request, const std::string& name, std::string value);

}  // namespace quorate::cli

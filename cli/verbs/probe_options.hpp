#pragma once

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
};

/// Declares them on the verb.
void declare(CLI::App& verb, ProbeOptions& options);

/// The URLs: those of the command line, then those of the file, one a line (`#` begins a comment).
/// Throws CLI::ValidationError.
std::vector<std::string> urls_of(const ProbeOptions& options);

/// The request for `url`, checked as a whole. Throws CLI::ValidationError with what is wrong.
ProbeRequest request_of(const ProbeOptions& options, const std::string& url);

}  // namespace quorate::cli

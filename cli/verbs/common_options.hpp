#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <CLI/App.hpp>

#include "cli/session.hpp"

namespace quorate::cli {

/// `[ENDPOINT] [--tenant T]` of a verb about endpoints, put into the request.
template <class Request>
void add_filter(CLI::App& verb, const std::shared_ptr<Request>& request) {
    verb.add_option_function<std::string>(
        "ENDPOINT",
        [request](const std::string& name) { request->set_endpoint(name); },
        "name or tenant/name; all if absent");
    verb.add_option_function<std::string>(
        "--tenant",
        [request](const std::string& name) { request->set_tenant(name); },
        "only this tenant's");
}

/// Reads the value of an option that is a time (RFC 3339) as microseconds since the epoch. @return
/// false after saying that it is none; the exit status is that of wrong usage then.
bool read_time(const char* option, const std::string& text, std::int64_t& us, Session& session);

}  // namespace quorate::cli

#pragma once

#include <cstdint>
#include <functional>
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
        "only this tenant's; '' for all where the context names one");
}

/// ENDPOINT as the coordinator is told it: with the context's tenant where it names none.
std::string endpoint_named(const std::string& name, const Session& session);

/// Puts the context's tenant into a request: to an ENDPOINT without one, or as its tenant where
/// there is no ENDPOINT. What the command line says of tenants stands.
/// @param tenant_given  whether `--tenant` is on the command line
template <class Request>
void use_tenant(Request& request, bool tenant_given, const Session& session) {
    if (tenant_given || session.in_force.tenant.empty()) return;
    if constexpr (requires { request.endpoint(); }) {
        if (!request.endpoint().empty()) {
            request.set_endpoint(endpoint_named(request.endpoint(), session));
            return;
        }
    }
    request.set_tenant(session.in_force.tenant);
}

/// `-w,--watch` of a verb that lists.
void add_watch(CLI::App& verb, bool& watch);

/// Calls `show` once, or with `watch` every 2 s, until it says false: where it showed something
/// before, and what it failed for may pass, it is called on.
void repeat(bool watch, Session& session, const std::function<bool()>& show);

/// Waits 2 s.
void wait_for_refresh();

/// Call it before what is shown again and again is printed: it clears a terminal.
void begin_view(bool watch);

/// `maintenance 12 until 2026-11-30T12:00:00Z, of ops: upgrade`
std::string window_text(const v1::WindowInForce& window);

/// Reads the value of an option that is a time (RFC 3339) as microseconds since the epoch. @return
/// false after saying that it is none; the exit status is that of wrong usage then.
bool read_time(const char* option, const std::string& text, std::int64_t& us, Session& session);

}  // namespace quorate::cli

#include "cli/verbs/common_options.hpp"

#include <iostream>

#include <poll.h>

#include "cli/table.hpp"
#include "core/time/time.hpp"

namespace quorate::cli {

std::string endpoint_named(const std::string& name, const Session& session) {
    const auto& tenant = session.in_force.tenant;
    return tenant.empty() || name.find('/') != name.npos ? name : tenant + "/" + name;
}

void add_watch(CLI::App& verb, bool& watch) {
    verb.add_flag("-w,--watch", watch, "again every 2 s, until interrupted");
}

void wait_for_refresh() {
    constexpr int kMs = 2000;
    poll(nullptr, 0, kMs);
}

void repeat(bool watch, Session& session, const std::function<bool()>& show) {
    for (bool shown = false;; wait_for_refresh()) {
        if (show()) {
            shown = true;
            session.recovered();
        } else if (!shown || !session.may_pass()) {
            return;
        }
        if (!watch) return;
    }
}

void begin_view(bool watch) {
    if (watch && terminal_width()) std::cout << "\x1b[H\x1b[2J";
}

bool read_time(const char* option, const std::string& text, std::int64_t& us, Session& session) {
    const auto time = parse_rfc3339(text);
    if (time) {
        us = time->time_since_epoch().count();
        return true;
    }
    std::cerr << "quorate: " << option << ": '" << printable(text)
              << "' is not a time such as 2026-11-20T12:46:00Z\n";
    session.exit_status = Session::kUsage;
    return false;
}

std::string window_text(const v1::WindowInForce& window) {
    return window.kind() + " " + std::to_string(window.id()) + " until " +
           time_text(window.ends_at_us()) + ", of " + window.owner() + ": " + window.reason();
}

}  // namespace quorate::cli

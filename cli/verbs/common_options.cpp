#include "cli/verbs/common_options.hpp"

#include <iostream>

#include "cli/table.hpp"
#include "core/time/time.hpp"

namespace quorate::cli {

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

}  // namespace quorate::cli

#include "platform/postgres/watchdog.hpp"

#include <optional>
#include <string_view>
#include <utility>

#include "platform/postgres/errors.hpp"
#include "platform/postgres/session.hpp"

namespace quorate::detail {
namespace {

/// False where it gave no answer.
bool answers(PostgresSession& session) {
    try {
        session.exec("SELECT 1");
    } catch (const PostgresUnavailable&) {
        return false;
    } catch (const PostgresError&) {  // refused, so it is there
    }
    return true;
}

/// Whether a failed attempt to connect found nobody who answers, rather than a refusal: libpq says
/// so in words only (fe-connect.c, not translated as the daemons set no locale).
bool waited_in_vain(const PostgresUnavailable& error) {
    return std::string_view{error.what()}.find("timeout expired") != std::string_view::npos;
}

/// Looks once; opens the session where there is none, keeps it where it answers.
Watchdog::Found look(std::optional<PostgresSession>& session,
                     const std::string& conninfo,
                     bool was_silent) {
    using enum Watchdog::Found;
    if (session && answers(*session)) return alive;
    // One session may break, or hang, where others live: only a second one tells.
    bool hangs = was_silent || (session && session->is_open());
    session.reset();
    try {
        session.emplace(conninfo);
        if (answers(*session)) return alive;
        hangs = hangs || session->is_open();
        session.reset();
    } catch (const PostgresUnavailable& error) {
        hangs = hangs || waited_in_vain(error);
    }
    return hangs ? silent : away;
}

}  // namespace

Watchdog::Watchdog(std::string conninfo, std::function<void(Found)> on_found)
    : conninfo_{std::move(conninfo)},
      on_found_{std::move(on_found)},
      thread_{[this](const std::stop_token& stop) { watch(stop); }} {}

void Watchdog::watch(const std::stop_token& stop) {
    std::optional<PostgresSession> session;
    auto found = Found::alive;
    while (!stop.stop_requested()) {
        found = look(session, conninfo_, found == Found::silent);
        on_found_(found);
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, stop, kInterval, [] { return false; });
    }
}

}  // namespace quorate::detail

#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/access/caller.hpp"
#include "coordinator/catalog/listing.hpp"
#include "core/time/utc_minute.hpp"

#include "quorate/v1/maintenance.pb.h"

/// Maintenance windows and silences as they are stored. All run in the transaction that they are
/// given and throw what libpqxx throws, BadRequest, NotFound or AccessRefused.
namespace quorate::coordinator {

enum class WindowKind : std::uint8_t { maintenance, silence };

/// Windows of a kind that are not over; more are refused, as archivers look at all of them.
inline constexpr std::int64_t kWindowsMax = 1000;
/// Of these, those that name one tenant, so that one can't use up the room of all.
inline constexpr std::int64_t kTenantWindowsMax = 200;

/// There is no room for another one; `what()` says of whom.
class TooManyWindows : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct CreatedWindow {
    v1::PlannedWindow window;
    std::uint64_t endpoints_matched = 0;
};
/// @param from the first minute that it may hold in
CreatedWindow create_window(pqxx::work& work,
                            WindowKind kind,
                            const v1::PlannedWindow& asked,
                            const Caller& caller,
                            UtcTime now,
                            UtcMinute from);

struct WindowQuery {
    std::string tenant;  ///< empty: all
    bool with_past = false;
    std::uint32_t page_size = 0;
    std::string page_token;
};
struct WindowPage {
    std::vector<v1::PlannedWindow> windows;
    std::string next_page_token;
};
/// To who is bound to tenants those that may concern theirs, with the matchers that do.
WindowPage list_windows(
    pqxx::work& work, WindowKind kind, const WindowQuery& query, const Caller& caller, UtcTime now);

/// The windows of both kinds that the minute is in, of the endpoint as it
/// was then; as archivers see them.
std::vector<v1::WindowInForce> windows_at(pqxx::work& work,
                                          const EndpointName& name,
                                          UtcMinute minute,
                                          Window window);

struct EndedWindow {
    bool changed = false;
    v1::PlannedWindow window;
};
/// @param from the first minute that it holds in no more
EndedWindow end_window(pqxx::work& work,
                       WindowKind kind,
                       std::uint64_t id,
                       const Caller& caller,
                       UtcTime now,
                       UtcMinute from);

}  // namespace quorate::coordinator

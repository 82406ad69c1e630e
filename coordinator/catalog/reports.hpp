#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/listing.hpp"
#include "core/time/utc_minute.hpp"

#include "quorate/v1/admin.pb.h"

/// What operators ask of the database. All functions run in the transaction that they are given and
/// throw what libpqxx throws, or BadRequest or NotFound.
namespace quorate::coordinator {

v1::ExportEndpointsResponse export_endpoints(pqxx::work& work,
                                             const v1::ExportEndpointsRequest& request);
v1::ListEndpointsResponse list_endpoints(pqxx::work& work, const v1::ListEndpointsRequest& request);
v1::ListIncidentsResponse list_incidents(pqxx::work& work, const v1::ListIncidentsRequest& request);
v1::GetIncidentResponse get_incident(pqxx::work& work, const v1::GetIncidentRequest& request);

/// Adds an acknowledgement. Throws BadRequest without a note.
v1::AckIncidentResponse ack_incident(pqxx::work& work,
                                     const v1::AckIncidentRequest& request,
                                     const Actor& actor);

/// Runs the stored cells of endpoints through the rule again. Read-only.
v1::ReplayResponse replay(pqxx::work& work, const v1::ReplayRequest& request, Window window);

/// Deletes what is known of a tenant or an endpoint, and writes the receipt into the audit log.
/// Throws BadRequest where it is watched still, NotFound.
v1::ForgetResponse forget(pqxx::work& work, const v1::ForgetRequest& request, const Actor& actor);

v1::ListUptimeResponse list_uptime(pqxx::work& work, const v1::ListUptimeRequest& request);

/// One endpoint with its last 60 minutes in each region.
v1::DescribeEndpointResponse describe_endpoint(pqxx::work& work,
                                               const v1::DescribeEndpointRequest& request,
                                               Window window);

/// Why a sealed verdict-minute was decided as it was.
v1::ExplainResponse explain(pqxx::work& work, const v1::ExplainRequest& request, Window window);

/// Where a watcher stands: everything committed by transactions below `next_txid` is behind it.
struct WatchPosition {
    std::uint64_t next_txid = 0;
    bool caught_up = false;  ///< nothing more was committed when it was read
};
/// A resume token from which nobody can go on without leaving something out.
class OutOfRange : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};
/// Reads the resume token; nothing of it: from now on. Throws BadRequest if it is none, or the
/// endpoint is of another tenant; OutOfRange.
WatchPosition start_watch(pqxx::work& work, const v1::WatchRequest& request);
std::string resume_token(const WatchPosition& position);

/// The decisions committed since, in the order of their commits, and the new position in
/// `event.resume_token`; of transactions below `below` alone. At most kWatchTransactions
/// transactions, fewer where they hold more than kWatchMinutes minutes: ask again until caught up.
inline constexpr int kWatchTransactions = 50;
inline constexpr std::int64_t kWatchMinutes = 2000;
v1::WatchEvent watch_next(pqxx::work& work,
                          const v1::WatchRequest& request,
                          WatchPosition& position,
                          std::uint64_t below = std::numeric_limits<std::uint64_t>::max());

}  // namespace quorate::coordinator

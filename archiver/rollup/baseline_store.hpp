#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/rollup/rollup_store.hpp"
#include "core/baseline/baseline.hpp"

namespace quorate {

/// Calm minutes by endpoint and UTC day.
using CalmDays = std::map<RollupKey, CalmDay>;

// All functions below run in the caller's transaction and throw what libpqxx throws.

/// From its first minute until it is closed for good; while it is open without an end.
struct IncidentSpan {
    UtcTime from;
    UtcTime until;
};
using IncidentSpans = std::map<EndpointId, std::vector<IncidentSpan>>;

/// The incidents of the shard's endpoints that lie in part between the two.
IncidentSpans incident_spans(pqxx::work& work, ShardId shard, UtcTime from, UtcTime until);

/// Of rows (endpoint, minute in ms, use, cells, decision) those that are decided OK and not within
/// an incident, by day.
CalmDays calm_days(const pqxx::result& rows, const IncidentSpans& spans);

/// Adds the days to what is stored under their keys.
void add_calm_days(pqxx::work& work, CalmDays days);

/// Computes what is usual of the next endpoints of a shard behind `after`, by the seven days before
/// the one that `now` lies in and that one, and stores what is not as before.
/// @return the last of them; nothing where there are no more
std::optional<EndpointId> compute_baselines(
    pqxx::work& work, ShardId shard, EndpointId after, UtcTime now, std::size_t endpoints_max);

}  // namespace quorate

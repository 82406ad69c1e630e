#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/retention/retention_settings.hpp"
#include "core/base/ids.hpp"
#include "core/time/time.hpp"

namespace quorate {

/// Rows that outlive nothing else: what notifiers did not fetch, and what no watcher resumes from.
inline constexpr std::chrono::hours kOutboxKept{30 * 24};

/// A partition of quorate.minute or quorate.minute_block.
struct PartitionReport {
    std::string name;
    std::uint64_t bytes = 0;
    std::optional<std::string> kept_because;  ///< nothing: it may be dropped
};

// All functions below run in the caller's transaction and throw what libpqxx throws.

/// Deletes at most `rows_max` rows of each table that are past. @return how many, by table
std::map<std::string, std::size_t> delete_past(pqxx::work& work,
                                               const RetentionSettings& settings,
                                               UtcTime now,
                                               std::size_t rows_max);

struct PastLists {
    std::size_t lists = 0;           ///< rows of quorate.manifest_seen that went
    std::size_t texts = 0;           ///< of quorate.manifest that nothing named any more
    std::optional<EndpointId> last;  ///< of the endpoints; nothing: there are no more
};
/// Deletes the tool lists that are past of the next endpoints behind `after`; behind the last one
/// texts that were left over.
PastLists delete_past_lists(pqxx::work& work,
                            const RetentionSettings& settings,
                            UtcTime now,
                            EndpointId after,
                            std::size_t endpoints_max);

/// All partitions, the oldest first.
std::vector<PartitionReport> report_partitions(pqxx::work& work, const RetentionSettings& settings);

/// Drops one that the report does not keep; throws pqxx::sql_error where it does. @return bytes
/// freed
std::uint64_t drop_partition(pqxx::work& work,
                             const std::string& name,
                             const RetentionSettings& settings);

}  // namespace quorate

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.hpp"
#include "core/model/cell.hpp"
#include "core/model/endpoint.hpp"
#include "core/model/region_mask.hpp"
#include "core/model/usual_times.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate {

/// Who is spared: the coordinator ordered no look in a job's minute, lest an origin or a tenant has
/// more probes than its share. The job travels nevertheless, so that its cell says why nobody
/// looked.
enum class HeldBack : std::uint8_t { no, origin, tenant };

/// The queued order to look once: everything an agent needs, so that it asks nobody. The minute and
/// all schedule figures were computed by the coordinator; an agent echoes them.
struct Job {
    std::string id;  ///< unique; the same for every delivery of the job
    std::string trace_id;
    CellKey key;
    ShardId shard;
    std::uint32_t cell_slot = 0;  ///< the endpoint's place among the cells of its shard
    RegionMask regions_mask;      ///< who looks at this endpoint in this minute
    std::string tenant;
    std::string name;
    std::string region;  ///< name of the region, beside the id in `key`
    Window window = Window::minute();
    milliseconds slot{0};              ///< after the start of the minute
    UtcTime not_after;                 ///< latest start of the probe
    std::uint32_t expected_cells = 0;  ///< how many regions that are
    std::optional<std::uint32_t> slow_over_ms;
    std::optional<UsualTimes> usual;  ///< where the endpoint has a baseline in the region

    std::string url;
    milliseconds timeout{0};    ///< the timeout in force of one attempt
    milliseconds retry_gap{0};  ///< between the attempts
    EraMode era = EraMode::automatic;
    std::optional<Era> era_hint;  ///< last known era
    bool detect_era = false;      ///< find out the era anew, whatever is known
    HeldBack held_back = HeldBack::no;
    IpFamily ip = IpFamily::any;
    Expectations expect;
    std::optional<Canary> canary;
    std::vector<std::pair<std::string, std::string>> headers;  ///< name, value
    std::string health_url;
    bool wants_credentials = false;   ///< the endpoint refers to secrets
    std::string credentials;          ///< them, sealed for the region's agents
    std::string credentials_missing;  ///< why there are none, where they are wanted
};

/// What a job's credentials are sealed for: who is asked, and what for. Whoever could write a job
/// into Redis can't have them sent elsewhere, nor have another tool called with them.
std::string credential_binding(const Job& job);

/// The id of the job that the schedule orders for a cell, and the trace id of a job. Pure: both
/// sides compute them, so that they need not travel.
std::string job_id(const CellKey& key, std::string_view region);
std::string trace_id_of(std::string_view job_id);

}  // namespace quorate

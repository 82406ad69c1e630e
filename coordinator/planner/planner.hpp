#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coordinator/planner/endpoint_version.hpp"
#include "core/model/job.hpp"
#include "core/schedule/schedule.hpp"
#include "core/time/utc_minute.hpp"

namespace quorate::coordinator {

/// One probe that is to be made: which version of an endpoint, where and when.
struct DueProbe {
    std::shared_ptr<const EndpointVersion> version;
    std::size_t region_index = 0;  ///< in the version's regions
    UtcMinute minute;
    milliseconds slot{0};

    UtcTime slot_time() const { return minute.start() + slot; }
};

/// Which probes are due when, for every endpoint, region and verdict-minute. Pure: it has neither
/// clock nor connection. Splitting a span of time gives the same probes as asking for all of it, so
/// a planner that remembers how far it came neither loses nor repeats one.
class Planner {
public:
    explicit Planner(Window window) : window_{window} {}

    /// Replaces everything known of an endpoint by these versions of it; none: forgets it.
    void set(EndpointId endpoint, std::vector<EndpointVersion> versions);

    /// The probes of a region whose slot lies in `(from, until]`, in the order of their slots.
    /// Costs in proportion to their number, whatever the number of endpoints.
    std::vector<DueProbe> due(RegionId region, UtcTime from, UtcTime until) const;

    /// The latest start of a probe; afterwards its window is missed.
    UtcTime latest_start(const DueProbe& probe) const;

    /// The self-contained order for a probe. Once in 24 h it leaves out the hint, so that the era
    /// is detected anew. @param region its name
    Job job(const DueProbe& probe, const std::string& region, std::optional<Era> era_hint) const;

    std::size_t endpoints() const { return scheduled_.size(); }

private:
    /// Endpoints that look in the same windows: every `every` windows, those with this remainder.
    struct Rhythm {
        std::int64_t every;
        std::int64_t remainder;
        friend auto operator<=>(const Rhythm&, const Rhythm&) = default;
    };
    struct SlotKey {
        milliseconds slot;
        EndpointId endpoint;
        std::uint32_t version;
        friend auto operator<=>(const SlotKey&, const SlotKey&) = default;
    };
    struct Entry {
        std::shared_ptr<const EndpointVersion> version;
        std::size_t region_index;
    };
    using Slots = std::map<SlotKey, Entry>;
    struct Placed {
        RegionId region;
        Rhythm rhythm;
        SlotKey key;
    };

    bool detects_era_anew(const DueProbe& probe) const;
    std::int64_t windows_per_look(const EndpointVersion& version) const;
    void place(const std::shared_ptr<const EndpointVersion>& version, std::vector<Placed>& placed);
    void collect(const Slots& slots,
                 UtcMinute minute,
                 UtcTime from,
                 UtcTime until,
                 std::vector<DueProbe>& out) const;

    Window window_;
    std::unordered_map<RegionId, std::map<Rhythm, Slots>> regions_;
    std::unordered_map<RegionId, std::map<std::int64_t, std::size_t>> lengths_;  // every -> entries
    std::unordered_map<EndpointId, std::vector<Placed>> scheduled_;
};

}  // namespace quorate::coordinator

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/region_watch.hpp"
#include "core/incident/down_time.hpp"
#include "core/incident/endpoint_rule.hpp"
#include "core/manifest/known_lists.hpp"
#include "core/model/cell.hpp"
#include "core/notice/notice.hpp"

namespace quorate {

/// What is carried from one minute of an endpoint to the next.
struct EndpointProgress {
    EndpointState rule;
    ShardId shard;
    UtcMinute since;            ///< first minute of the present run of equal decisions
    std::optional<Era> era;     ///< the last one seen
    Scope scope = Scope::none;  ///< of the last minute, as the two counts
    std::uint32_t cells = 0;    ///< N
    std::uint32_t voters = 0;   ///< |V|
    bool flapping = false;
    NoticeState notices;
};

/// By endpoint; those without a sealed minute are absent.
using ProgressMap = std::unordered_map<EndpointId, EndpointProgress>;

/// A tool list that a cell tells of.
struct SeenList {
    RegionId region;
    std::string semantic_hash;
    std::string full_hash;
    std::optional<std::uint32_t> tool_count;
    /// Against the region's list before it, where both are at hand.
    std::optional<ChangeKind> kind;
};

/// One endpoint's sealed minute, ready to be stored.
struct SealedRow {
    const EndpointVersion& version;  ///< as long as the plan's catalogue
    UtcMinute minute;
    /// One per expected region, ascending by region; in maintenance with their own verdicts.
    std::vector<Cell> cells{};
    bool maintenance = false;             ///< all cells are MAINT
    std::vector<RegionId> quarantined{};  ///< not believed in the minute where they alone fail
    std::optional<std::uint64_t> silenced_by{};
    std::vector<RegionState> states{};  ///< after the minute, in the order of `cells`
    DecisionRecord record{};
    std::vector<Transition> transitions{};  ///< for the timeline
    std::vector<Transition> caught_up{};    ///< for notifiers alone
    std::vector<Spell> spells{};            ///< begun or grown by this minute
    std::vector<NoticeChange> notices{};
    std::vector<SeenList> lists{};
    MinuteUse use = MinuteUse::excluded;
};

/// What was open of a deleted endpoint, closed.
struct DeletedClose {
    EndpointVersion version;
    UtcMinute minute;
    std::vector<Transition> transitions;  ///< of its incident: at most one
    std::vector<Transition> caught_up;    ///< for notifiers alone
    std::vector<NoticeChange> notices;
};

/// Tool lists of cells that are to be sealed.
struct ToolLists {
    KnownLists known;  ///< of lists that changed: those before and those now
    std::map<std::string, std::string> to_store;  ///< what a list says, by its full hash
};

struct ShardWatermark {
    ShardId shard;
    UtcMinute minute;
};

/// Seals minutes in memory; a store then writes the whole plan in one transaction. Pure: it works
/// on copies, and what was committed before stays as it is until `changed` is taken over.
class SealPlan {
public:
    /// @param committed, catalogue must outlive the plan and stay as they are meanwhile.
    /// @param decided_at when the minutes are sealed.
    SealPlan(const ProgressMap& committed, const Catalogue& catalogue, UtcTime decided_at);

    /// Seals one minute; minutes of an endpoint in ascending order.
    /// @param version from Catalogue::expected for this minute; must outlive the plan
    /// @param received what came in, in any order; missing regions become UNKNOWN
    /// @param alive whether some agent of a region was heard lately
    /// @param quarantined regions that are not believed where they alone see a failure
    void seal(const EndpointVersion& version,
              UtcMinute minute,
              std::vector<Cell> received,
              const std::function<bool(RegionId)>& alive,
              std::span<const RegionId> quarantined = {});

    /// Opens a P1 that is certain before the minute is sealed, see step_early.
    /// @param version must outlive the plan
    /// @param received what came in so far. @return whether it opened or escalated to one
    bool open_early(const EndpointVersion& version,
                    UtcMinute minute,
                    const std::vector<Cell>& received);

    /// Closes the open incident and the open notices of a deleted endpoint, if there are any.
    void close_deleted(const EndpointVersion& version, UtcMinute minute);

    /// What was committed of an endpoint before this plan; nullptr if nothing was.
    const EndpointProgress* committed(EndpointId endpoint) const;
    /// What this plan makes of it, or what was committed where it changes nothing.
    const EndpointProgress* latest(EndpointId endpoint) const;
    const Catalogue& catalogue() const { return catalogue_; }

    /// The last sealed minute of an endpoint, this plan included.
    std::optional<UtcMinute> last_minute(EndpointId endpoint) const;

    bool empty() const {
        return rows.empty() && early.empty() && closes.empty() && watermarks.empty() &&
               tallies.empty();
    }
    /// The shards of which this plan writes something.
    std::set<ShardId> shards() const;

    std::vector<SealedRow> rows;
    /// Minutes that are not sealed yet and have opened a P1: cells that have not come are UNKNOWN
    /// without a reason, states are those before the minute.
    std::vector<SealedRow> early;
    std::vector<DeletedClose> closes;
    std::vector<ShardWatermark> watermarks;  ///< to be moved with this plan
    std::vector<ShardTally> tallies;         ///< to be told with this plan
    ToolLists lists;                         ///< at hand for the minutes to be sealed
    std::set<std::string> without_text;      ///< of new lists, once stored: what they say is not
    std::map<EndpointId, EndpointProgress> changed;  ///< the new state of all that is in the plan
    UtcTime decided_at;

private:
    EndpointProgress& progress(EndpointId endpoint);
    const ProgressMap& committed_;
    const Catalogue& catalogue_;
};

}  // namespace quorate

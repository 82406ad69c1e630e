#include "tests/simulation/invariants.hpp"

#include <algorithm>
#include <string>

#include "archiver/store/packed_cell.hpp"
#include "core/schedule/schedule.hpp"
#include "tests/support/slow_rule/slow_rule.hpp"

namespace quorate::simulation {
namespace {

/// What is left of a trouble in windows that began in it.
constexpr std::int64_t kWindowsToMend = 6;

std::string name_of(EndpointId endpoint, UtcMinute minute) {
    return "endpoint " + std::to_string(endpoint.value()) + " minute " + to_rfc3339(minute);
}

std::string name_of(const CellKey& key) {
    return name_of(key.endpoint, key.minute) + " region " + std::to_string(key.region.value());
}

class Checks {
public:
    explicit Checks(const Checked& run) : run_{run} {}

    void all() {
        for (const auto& version : run_.archive.versions) {
            stored(version);
            decisions(version);
        }
        for (const auto& [endpoint, timeline] : run_.archive.timelines())
            incidents(endpoint, timeline);
    }

private:
    void stored(const EndpointVersion& version) {
        for (auto minute = run_.first_minute; minute.start() < run_.calm_ends;
             minute = minute.plus(1, run_.window)) {
            if (!expects(minute, run_.window, version.interval, version.hash)) continue;
            const auto found = run_.archive.minutes().find({version.endpoint, minute});
            if (found == run_.archive.minutes().end()) {
                run_.world.violated("each minute is stored",
                                    name_of(version.endpoint, minute) + " is not");
                continue;
            }
            if (found->second.times != 1)
                run_.world.violated("each minute is stored once",
                                    name_of(version.endpoint, minute) + " was twice");
            cells(version, minute, found->second);
        }
    }

    void cells(const EndpointVersion& version, UtcMinute minute, const ArchivedMinute& stored) {
        std::vector<RegionId> regions;
        for (const auto& cell : stored.cells) {
            regions.push_back(cell.key.region);
            one_cell(cell);
        }
        auto expected = version.regions;
        std::ranges::sort(expected);
        if (regions != expected)
            run_.world.violated("each expected cell is stored",
                                name_of(version.endpoint, minute) + " has other regions");
    }

    void one_cell(const Cell& cell) {
        if (cell.verdict == Verdict::unknown && !cell.reason)
            run_.world.violated("UNKNOWN has a reason", name_of(cell.key) + " has none");
        if (cell.verdict == Verdict::fail) fail(cell);
        const bool calm =
            cell.key.minute.start() >= run_.trouble_ends + kWindowsToMend * run_.window.length();
        if (calm && cell.verdict == Verdict::unknown)
            run_.world.violated("when all is well all is measured",
                                name_of(cell.key) + " is UNKNOWN(" +
                                    std::string{cell.reason ? quorate::name_of(*cell.reason) : ""} +
                                    ")");
        const auto recorded = run_.recorded.find(cell.key);
        const bool forgotten =
            run_.redis_forgot_at && *run_.redis_forgot_at >= cell.key.minute.start();
        if (recorded == run_.recorded.end() || forgotten) return;
        // Of two measured ones the better may have come after the seal; in place of none, any goes.
        if (made_at_seal(cell) && recorded->second.verdict != Verdict::unknown)
            run_.world.violated("what was recorded is stored",
                                name_of(cell.key) + " was " +
                                    std::string{quorate::name_of(recorded->second.verdict)});
    }

    /// Somebody looked, and the server was down then.
    void fail(const Cell& cell) {
        const auto& looks = run_.targets.looks(cell.key.endpoint, cell.key.region);
        const bool seen = std::ranges::any_of(looks, [&](const Look& look) {
            const auto started = std::max<UtcTime>(look.started, cell.key.minute.start());
            return look.verdict == Verdict::fail && cell.started == started &&
                   run_.targets.is_down(cell.key.endpoint, cell.key.region, look.began);
        });
        if (!seen)
            run_.world.violated("no FAIL of a server that was up", name_of(cell.key) + " is FAIL");
    }

    void decisions(const EndpointVersion& version) {
        const auto& minutes = run_.archive.minutes();
        const auto first = minutes.lower_bound({version.endpoint, UtcMinute{}});
        std::vector<testing::SlowMinute> history;
        for (auto each = first; each != minutes.end() && each->first.first == version.endpoint;
             ++each)
            history.push_back({each->first.second, each->second.sealed_at, each->second.sealed});
        testing::SlowRule slow{RuleParams{run_.window, version.interval, version.p1_quorum}};
        auto each = first;
        for (const auto& answer : slow.seal_all(std::move(history))) {
            const auto& [key, stored] = *each++;
            const bool same = answer.row == stored.rule_row && answer.decision == stored.decision &&
                              answer.scope == stored.scope;
            if (same) continue;
            run_.world.violated("decisions are the rule's",
                                name_of(version.endpoint, key.second) + " is row " +
                                    std::to_string(stored.rule_row) + ", by the slow rule " +
                                    std::to_string(answer.row));
            return;
        }
    }

    void incidents(EndpointId endpoint, const std::vector<ArchivedTransition>& timeline) {
        bool open = false;
        std::optional<Severity> severity;
        std::uint32_t ordinal = 0;
        const auto wrong = [&](const Transition& transition, const char* how) {
            run_.world.violated("incidents nest and close",
                                name_of(endpoint, transition.minute) + ": " +
                                    std::string{quorate::name_of(transition.kind)} + how);
        };
        for (const auto& [transition, id] : timeline) {
            const bool opens = transition.kind == TransitionKind::opened ||
                               transition.kind == TransitionKind::reopened;
            if (opens && open) wrong(transition, " while one is open");
            if (!opens && !open) wrong(transition, " while none is open");
            if (transition.kind == TransitionKind::opened && transition.ordinal != ordinal + 1)
                wrong(transition, " out of turn");
            if (transition.kind != TransitionKind::opened && transition.ordinal != ordinal)
                wrong(transition, " of another one");
            if (!opens && transition.from != severity) wrong(transition, " from another severity");
            ordinal = transition.ordinal;
            open = transition.kind != TransitionKind::closed;
            severity = transition.to;
        }
        if (open)
            run_.world.violated("incidents nest and close",
                                "endpoint " + std::to_string(endpoint.value()) +
                                    " has an open incident at the end");
    }

    const Checked& run_;
};

}  // namespace

void check_everything(const Checked& run) {
    Checks{run}.all();
}

void check_fenced(World& world,
                  const ModelArchive& archive,
                  const ShardEpochs& held,
                  const std::set<ShardId>& shards) {
    for (const auto shard : shards) {
        const auto ours = held.find(shard);
        if (ours != held.end() && ours->second == archive.fence_of(shard)) continue;
        world.violated("nothing is committed under a lost lease",
                       "shard " + std::to_string(shard.value()) + " under an old epoch");
    }
}

}  // namespace quorate::simulation

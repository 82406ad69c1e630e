#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/catalog/sql.hpp"
#include "core/incident/endpoint_rule.hpp"
#include "core/schedule/schedule.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::uint32_t kEndpointsDefault = 50;
constexpr std::uint32_t kEndpointsMax = 500;
constexpr std::chrono::hours kSpanMax{31 * 24};
/// After so many a page ends, with the endpoint that is at hand: some seconds, where they are
/// packed.
constexpr std::uint64_t kMinutesPerPage = 50'000;
/// Read in one statement.
constexpr std::int64_t kWindowsAtOnce = 4320;
/// Expected windows. Region states and histories are shorter than that (10 windows or 3 intervals;
/// 60 expected windows of flaps).
constexpr std::int64_t kWarmUpWindows = 120;
/// So long after its close an incident may be reopened, so its flaps count.
constexpr std::int64_t kReopenWindows = 10;
/// However old an incident is that was open.
constexpr std::int64_t kWarmUpWindowsMax = 10'000;

UtcTime time_of(const pqxx::field& us) {
    return UtcTime{microseconds{us.as<std::int64_t>()}};
}

struct ReplayedEndpoint {
    std::int64_t id = 0;
    std::string tenant;
    std::string name;
};

/// How it was judged from when on.
struct JudgedFrom {
    UtcTime from;
    RuleParams params;
};

std::vector<JudgedFrom> load_params(pqxx::work& work,
                                    std::int64_t endpoint,
                                    Window window,
                                    std::optional<P1Quorum> quorum) {
    std::vector<JudgedFrom> judged;
    for (const auto& row :
         work.exec_params("SELECT " + sql::micros("valid_from") +
                              ", interval_ms, spec->>'p1_quorum' FROM quorate.endpoint_version"
                              " WHERE endpoint_id = $1 ORDER BY version",
                          endpoint)) {
        RuleParams params;
        params.window = window;
        params.interval = milliseconds{row[1].as<std::int64_t>()};
        params.p1_quorum =
            quorum.value_or(p1_quorum_named(row[2].as<std::string>("")).value_or(P1Quorum::two));
        judged.push_back({time_of(row[0]), params});
    }
    return judged;
}

const RuleParams& params_at(const std::vector<JudgedFrom>& judged, UtcTime time) {
    const auto* found = &judged.front();
    for (const auto& each : judged)
        if (each.from <= time) found = &each;
    return found->params;
}

/// A minute's cells as they were when it was decided: what came late had not come.
struct StoredMinute {
    UtcMinute minute;
    UtcTime decided_at;
    std::vector<SealedCell> cells;
};

std::vector<StoredMinute> load_minutes(
    pqxx::work& work, std::int64_t endpoint, UtcTime from, UtcTime to, Window window) {
    std::vector<StoredMinute> minutes;
    for (const auto& row : work.exec_params(
             "SELECT " + sql::micros("m.minute") + ", " + sql::micros("b.sealed_at") +
                 ", c.region_id, c.verdict, c.slow, c.late, c.reason, c.start_offset_ms"
                 " FROM quorate.any_minute m LEFT JOIN quorate.batch b ON b.id = m.batch_id"
                 " CROSS JOIN LATERAL quorate.unpack_cells(m.cells) c"
                 " WHERE m.endpoint_id = $1 AND m.minute >= " +
                 sql::timestamp("$2") + " AND m.minute < " + sql::timestamp("$3") +
                 " ORDER BY m.minute",
             endpoint,
             sql::us(from),
             sql::us(to))) {
        const auto minute = UtcMinute::from_epoch_ms(row[0].as<std::int64_t>() / 1000);
        if (minutes.empty() || minutes.back().minute != minute)
            minutes.push_back(
                {minute, row[1].is_null() ? watermark(minute, window) : time_of(row[1]), {}});
        SealedCell cell;
        cell.region = RegionId{row[2].as<std::uint64_t>()};
        if (!row[5].as<bool>()) {
            cell.verdict = static_cast<Verdict>(row[3].as<int>());
            cell.slow = row[4].as<bool>();
            if (!row[6].is_null()) cell.reason = static_cast<Reason>(row[6].as<int>());
            if (!row[7].is_null())
                cell.started = minute.start() + milliseconds{row[7].as<std::int64_t>()};
        }
        minutes.back().cells.push_back(cell);
    }
    return minutes;
}

struct Replayed {
    UtcTime started;
    UtcMinute opened;
    std::optional<UtcMinute> closed;
    Severity worst = Severity::p3;
};

/// An endpoint on its way through the rule.
struct Run {
    EndpointState state;
    std::map<std::uint32_t, Replayed> incidents;  ///< by their ordinal
    std::uint64_t minutes = 0;

    void take(const StoredMinute& minute, const std::vector<JudgedFrom>& judged) {
        ++minutes;
        const auto result = step(state,
                                 {minute.minute, minute.decided_at, minute.cells},
                                 params_at(judged, minute.minute.start()));
        for (const auto& transition : result.transitions) {
            const auto [place, is_new] = incidents.try_emplace(transition.ordinal);
            auto& incident = place->second;
            if (is_new) {
                incident.started = transition.opening.started;
                incident.opened = transition.minute;
            }
            incident.worst = transition.worst;
            incident.closed.reset();
            if (transition.kind == TransitionKind::closed) incident.closed = transition.minute;
        }
    }
};

/// Some thousand minutes in memory at a time, whatever the span.
Run run(pqxx::work& work,
        std::int64_t endpoint,
        UtcTime from,
        UtcTime to,
        const std::vector<JudgedFrom>& judged) {
    Run run;
    const auto window = judged.front().params.window;
    for (auto at = from; at < to;) {
        const auto until = std::min<UtcTime>(to, at + kWindowsAtOnce * window.length());
        for (const auto& minute : load_minutes(work, endpoint, at, until, window))
            run.take(minute, judged);
        at = until;
    }
    return run;
}

/// The incidents of an endpoint that the timeline opened in the span: by the minute that did.
std::map<UtcTime, std::pair<std::uint64_t, UtcTime>> load_stored(pqxx::work& work,
                                                                 std::int64_t endpoint,
                                                                 UtcTime from,
                                                                 UtcTime to) {
    std::map<UtcTime, std::pair<std::uint64_t, UtcTime>> stored;
    for (const auto& row : work.exec_params(
             "SELECT i.id, " + sql::micros("e.minute") + ", " + sql::micros("i.started_at") +
                 " FROM quorate.incident i JOIN quorate.incident_event e ON e.incident_id = i.id"
                 " AND e.kind = 'opened' WHERE i.endpoint_id = $1 AND e.minute >= " +
                 sql::timestamp("$2") + " AND e.minute < " + sql::timestamp("$3"),
             endpoint,
             sql::us(from),
             sql::us(to)))
        stored.emplace(time_of(row[1]), std::pair{row[0].as<std::uint64_t>(), time_of(row[2])});
    return stored;
}

/// Where to begin so that the state at `from` is what it was: well before, and before an incident
/// that was open or may be reopened. One that is older than the most is taken up under way.
UtcTime warm_up(pqxx::work& work,
                std::int64_t endpoint,
                UtcTime from,
                const std::vector<JudgedFrom>& judged) {
    const auto step = expected_step(params_at(judged, from));
    const auto row =
        work.exec_params1("SELECT " + sql::micros("min(started_at)") +
                              " FROM quorate.incident WHERE endpoint_id = $1 AND detected_at < " +
                              sql::timestamp("$2") + " AND (closed_at IS NULL OR closed_at > " +
                              sql::timestamp("$3") + ")",
                          endpoint,
                          sql::us(from),
                          sql::us(from - kReopenWindows * step));
    const auto begin = row[0].is_null() ? from : std::min(from, time_of(row[0]));
    return std::max<UtcTime>(begin - kWarmUpWindows * step, from - kWarmUpWindowsMax * step);
}

void replay_one(pqxx::work& work,
                const ReplayedEndpoint& endpoint,
                const v1::ReplayRequest& request,
                Window window,
                v1::ReplayResponse& out) {
    const UtcTime from{microseconds{request.from_us()}};
    const UtcTime to{microseconds{request.to_us()}};
    const auto judged =
        load_params(work, endpoint.id, window, p1_quorum_named(request.p1_quorum()));
    if (judged.empty()) return;
    const auto replayed =
        run(work, endpoint.id, warm_up(work, endpoint.id, from, judged), to, judged);
    out.set_minutes(out.minutes() + replayed.minutes);
    auto stored = load_stored(work, endpoint.id, from, to);
    const auto add = [&] {
        auto& incident = *out.add_incidents();
        incident.set_tenant(endpoint.tenant);
        incident.set_endpoint(endpoint.name);
        return &incident;
    };
    for (const auto& [ordinal, found] : replayed.incidents) {
        if (found.opened.start() < from) continue;
        auto* incident = add();
        incident->set_worst_severity(std::string{name_of(found.worst)});
        incident->set_started_at_us(sql::us(found.started));
        incident->set_opened_minute_us(sql::us(found.opened.start()));
        if (found.closed) incident->set_closed_minute_us(sql::us(found.closed->start()));
        const auto known = stored.find(found.opened.start());
        if (known == stored.end()) continue;
        incident->set_stored_id(known->second.first);
        stored.erase(known);
    }
    for (const auto& [opened, known] : stored) {
        auto* incident = add();
        incident->set_started_at_us(sql::us(known.second));
        incident->set_stored_id(known.first);
        incident->set_only_stored(true);
    }
}

}  // namespace

v1::ReplayResponse replay(pqxx::work& work, const v1::ReplayRequest& request, Window window) {
    const microseconds span{request.to_us() - request.from_us()};
    if (span <= microseconds{0}) throw BadRequest{"the span ends before it begins", "to_us"};
    if (span > kSpanMax) throw BadRequest{"the span is longer than 31 days", "to_us"};
    if (!request.p1_quorum().empty() && !p1_quorum_named(request.p1_quorum()))
        throw BadRequest{"p1_quorum is 2, majority or all", "p1_quorum"};
    const auto only = filter_of(request.tenant(), request.endpoint());
    const auto after = page_after(request.page_token());
    const auto size = page_size(request.page_size(), kEndpointsDefault, kEndpointsMax);
    const auto rows = work.exec_params(
        "SELECT id, tenant, name FROM quorate.endpoint e WHERE deleted_at IS NULL"
        " AND ($1 = '' OR tenant = $1) AND ($2 = '' OR name = $2)"
        " AND (tenant COLLATE \"C\", name COLLATE \"C\") > ($3, $4)"
        " ORDER BY tenant COLLATE \"C\", name COLLATE \"C\" LIMIT $5",
        only.tenant,
        only.name,
        after.tenant,
        after.name,
        size);
    if (rows.empty() && !only.name.empty())
        throw NotFound{"there is no endpoint " + only.tenant + "/" + only.name};
    v1::ReplayResponse out;
    std::uint32_t done = 0;
    ReplayedEndpoint endpoint;
    for (const auto& row : rows) {
        endpoint = {row[0].as<std::int64_t>(), row[1].as<std::string>(), row[2].as<std::string>()};
        replay_one(work, endpoint, request, window, out);
        ++done;
        if (out.minutes() >= kMinutesPerPage) break;
    }
    const bool more = done < static_cast<std::uint32_t>(rows.size()) || done == size;
    if (more && only.name.empty()) out.set_next_page_token(endpoint.tenant + "/" + endpoint.name);
    return out;
}

}  // namespace quorate::coordinator

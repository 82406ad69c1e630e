#include "core/notice/notice.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "core/base/json_text.hpp"
#include "core/manifest/manifest.hpp"
#include "core/notice/notice_codec.hpp"
#include "core/notice/notice_json.hpp"

namespace quorate {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const auto kStart = UtcMinute::from_epoch_ms(1'800'000'000'000);

/// Minutes of an endpoint, a letter per region: `.` UP, `F` FAIL, `A` AUTH, `D` DEGRADED, `u`
/// UNKNOWN, `r` UNKNOWN(rate_limited). The state goes through its bytes each time.
struct History {
    NoticeState state;
    std::int64_t at = 0;
    bool incident_open = false;
    std::uint16_t blind_run = 0;
    bool in_time = true;
    bool silenced = false;
    bool maintenance = false;
    KnownLists lists;
    std::string detail;  ///< of the last change
    std::vector<NoticeChange> changes;

    std::vector<Cell> cells(const std::string& letters) const {
        std::vector<Cell> cells;
        for (std::size_t i = 0; i < letters.size(); ++i) {
            Cell cell;
            cell.key = {EndpointId{1}, RegionId{i + 1}, minute()};
            cell.verdict = verdict_of(letters[i]);
            if (letters[i] == 'A') cell.reason = Reason::auth_required;
            if (letters[i] == 'D') cell.reason = Reason::tool_missing;
            if (letters[i] == 'r') cell.reason = Reason::rate_limited;
            if (letters[i] == 'u') cell.reason = Reason::not_reported;
            cells.push_back(cell);
        }
        return cells;
    }
    static Verdict verdict_of(char letter) {
        switch (letter) {
            case 'F':
                return Verdict::fail;
            case 'A':
                return Verdict::auth;
            case 'D':
                return Verdict::degraded;
            case 'u':
            case 'r':
                return Verdict::unknown;
            default:
                return Verdict::up;
        }
    }
    UtcMinute minute() const { return kStart.plus(at, Window::minute()); }

    /// `+auth(1,2)` opened, `~…` changed, `-…` closed; told afterwards: `!…` opened, `^…` became
    /// worse, `x…` closed.
    std::string step(const std::vector<Cell>& cells) {
        std::string bytes;
        pack(state, bytes);
        std::string_view rest{bytes};
        const auto unpacked = unpack_notice_state(rest);
        EXPECT_TRUE(rest.empty() && unpacked == state);
        state = unpacked;
        changes = step_notices(state,
                               {.minute = minute(),
                                .decided_at = minute().start() + minutes{1},
                                .cells = cells,
                                .blind_run = blind_run,
                                .incident_open = incident_open,
                                .in_time = in_time,
                                .silenced = silenced,
                                .maintenance = maintenance,
                                .lists = &lists});
        ++at;
        std::string text;
        for (const auto& change : changes) {
            detail = change.detail;
            text += text.empty() ? "" : " ";
            text += "+~-!^x"[static_cast<int>(change.change)];
            if (!change.notify) text += "(quiet)";
            text += name_of(change.kind);
            std::string regions;
            for (const auto region : change.regions)
                regions += (regions.empty() ? "" : ",") + std::to_string(region.value());
            if (!regions.empty()) text += "(" + regions + ")";
        }
        return text;
    }
    std::string step(const std::string& letters) { return step(cells(letters)); }
    /// Several minutes, parted by blanks.
    std::string run(const std::string& history) {
        std::string text;
        std::string word;
        for (const char letter : history + " ") {
            if (letter != ' ') {
                word += letter;
                continue;
            }
            const auto found = step(word);
            text += (text.empty() || found.empty() ? "" : " ") + found;
            word.clear();
        }
        return text;
    }
};

TEST(Notices, AuthTakesTwoRegionsOrOneTwiceAndEndsWithTheLast) {
    EXPECT_EQ(History{}.step("AA..."), "+auth(1,2)");
    EXPECT_EQ(History{}.run("A.... A...."), "+auth(1)");
    EXPECT_EQ(History{}.run("A.... ..... A...."), "");
    EXPECT_EQ(History{}.run("AA... AA... ....."), "+auth(1,2) -auth");
    EXPECT_EQ(History{}.run("AA... .A... .A... ....."), "+auth(1,2) ~(quiet)auth(2) -auth")
        << "where it is seen is kept, and is no news";
    EXPECT_EQ(History{}.run("AA... u.... u.... u.... u.... u...."),
              "+auth(1,2) ~(quiet)auth(1) -auth +visibility(1)")
        << "a region that is silent for long says nothing";
    EXPECT_EQ(History{}.run("AA... uF... ....."), "+auth(1,2) -auth")
        << "what can't say breaks no run";
    EXPECT_EQ(History{}.step("A"), "+auth(1)") << "one region is all there is";
}

TEST(Notices, DegradedLikewise) {
    EXPECT_EQ(History{}.run("DD... AA... ....."), "+degraded(1,2) +auth(1,2) -auth -degraded");
}

TEST(Notices, RateLimitedIsFiveInARow) {
    EXPECT_EQ(History{}.run("r... r... r... r..."), "");
    EXPECT_EQ(History{}.run("r... r... r... r... .... r... r... r... r..."), "");
    EXPECT_EQ(History{}.run("r... r... r... r... r... r..."), "+rate_limited(1) +visibility(1)");
    EXPECT_EQ(History{}.run("r... r... r... r... r... ...."),
              "+rate_limited(1) +visibility(1) -rate_limited -visibility");
}

TEST(Notices, VisibilityIsFiveUnknownOfARegionOrFiveMinutesWithoutADecision) {
    EXPECT_EQ(History{}.run("u.. u.. u.. u.."), "");
    EXPECT_EQ(History{}.run("u.. u.. u.. u.. u.. u.. ..."), "+visibility(1) -visibility");
    History blind;
    blind.blind_run = 5;
    EXPECT_EQ(blind.step("..."), "+visibility");
    blind.blind_run = 0;
    EXPECT_EQ(blind.step("..."), "-visibility");
}

TEST(Notices, ARegionThatIsNotBelievedIsNoVisibilityOfEachEndpoint) {
    History history;
    for (int i = 0; i < 6; ++i) {
        auto cells = history.cells("u.");
        cells[0].reason = Reason::region_fault;
        EXPECT_EQ(history.step(cells), "");
    }
}

TEST(Notices, IntermittentIsThreeFailsOfTenVotesWithoutAnIncident) {
    EXPECT_EQ(History{}.run("F.. ... F.. ... F.."), "+intermittent(1)");
    EXPECT_EQ(History{}.run("F.. ... F.. ... u.. F.."), "+intermittent(1)");
    EXPECT_EQ(History{}.run("F.. F.. ... ... ... ... ... ... ... ... F.."), "")
        << "eleven votes ago";
    History open;
    open.incident_open = true;
    EXPECT_EQ(open.run("F.. F.. F.."), "");
    open.incident_open = false;
    EXPECT_EQ(open.step("..."), "") << "what made an incident is no news";
    EXPECT_EQ(open.run("F.. F.. F.."), "+intermittent(1)");
    open.incident_open = true;
    EXPECT_EQ(open.step("F.."), "-intermittent");
}

TEST(Notices, ACertificateIsToldAtTwentyOneSevenAndOneDays) {
    History history;
    const auto step = [&history](hours left) {
        auto cells = history.cells("..");
        const auto now = history.minute().start();
        cells[1].certificate_not_after = now + left + hours{5};
        cells[1].certificate_earliest_not_after = now + left;
        return history.step(cells);
    };
    EXPECT_EQ(step(hours{22 * 24}), "");
    EXPECT_EQ(step(hours{21 * 24}), "+certificate_expiry(2)");
    EXPECT_EQ(step(hours{20 * 24}), "");
    EXPECT_EQ(history.step(".."), "") << "details are told once an hour";
    EXPECT_EQ(step(hours{7 * 24}), "~certificate_expiry(2)");
    EXPECT_EQ(step(hours{24}), "~certificate_expiry(2)");
    EXPECT_EQ(step(hours{-1}), "") << "an expired one is an outage; the notice stays";
    EXPECT_EQ(step(hours{90 * 24}), "-certificate_expiry");
}

TEST(Notices, AToolListThatAllRegionsSeeChangedIsADriftForADay) {
    History history;
    const auto step = [&history](char first, char second, char text) {
        auto cells = history.cells("..");
        cells[0].semantic_hash = std::string(64, first);
        cells[1].semantic_hash = std::string(64, second);
        cells[0].full_hash = cells[1].full_hash = std::string(64, text);
        return history.step(cells);
    };
    EXPECT_EQ(step('a', 'a', '1'), "") << "the first list is no change";
    EXPECT_EQ(step('b', 'a', '1'), "") << "not all regions yet";
    EXPECT_EQ(step('b', 'b', '1'), "+tool_drift");
    EXPECT_EQ(history.step(".."), "");
    EXPECT_EQ(step('b', 'b', '2'), "") << "texts alone are less";
    EXPECT_EQ(step('a', 'a', '2'), "") << "a list that comes and goes is told once an hour";
    history.at += 60;
    EXPECT_EQ(step('b', 'b', '2'), "~tool_drift");
    history.at += 24 * 60;
    EXPECT_EQ(history.step(".."), "-tool_drift");
    EXPECT_EQ(step('b', 'b', '3'), "+tool_drift") << "its texts";
    EXPECT_EQ(step('c', 'c', '3'), "~tool_drift") << "and its contract";
}

/// A list of one tool, at hand.
ManifestHashes list_of(KnownLists& lists, const std::string& members) {
    const auto tool = parse_json(R"({"name": "search", )" + members + "}");
    const std::vector<boost::json::object> tools{tool->as_object()};
    auto hashes = manifest_hashes(tools);
    EXPECT_TRUE(lists.add(hashes.full, manifest_text(tools)));
    return hashes;
}

TEST(Notices, ADriftSaysWhatItIsAndIsToldAnewWhereItIsWorse) {
    History history;
    const auto step = [&history](const ManifestHashes& list) {
        auto cells = history.cells("..");
        for (auto& cell : cells) {
            cell.semantic_hash = list.semantic;
            cell.full_hash = list.full;
        }
        return history.step(cells);
    };
    const auto first = list_of(history.lists, R"("inputSchema": {"type": "object"})");
    const auto words =
        list_of(history.lists, R"("description": "words", "inputSchema": {"type": "object"})");
    const auto more = list_of(
        history.lists,
        R"("inputSchema": {"type": "object", "properties": {"limit": {"type": "integer"}}})");
    const auto broken = list_of(
        history.lists,
        R"("inputSchema": {"type": "object", "required": ["limit"], "properties": {"limit": {}}})");
    EXPECT_EQ(step(first), "");
    EXPECT_EQ(step(words), "+tool_drift");
    EXPECT_EQ(history.detail, "The tool list changed, text: search (description_changed)");
    EXPECT_EQ(step(more), "~tool_drift");
    EXPECT_TRUE(history.detail.starts_with("The tool list changed, additive: search ("))
        << history.detail;
    EXPECT_EQ(step(broken), "~tool_drift");
    EXPECT_TRUE(history.detail.starts_with("The tool list changed, breaking: search ("))
        << history.detail;
    EXPECT_EQ(step(first), "") << "no worse, and within the hour";
    history.at += 60;
    const ManifestHashes elsewhere{std::string(64, 'e'), std::string(64, 'e')};
    EXPECT_EQ(step(elsewhere), "~tool_drift");
    EXPECT_EQ(history.detail, "The tool list changed in names or schemas")
        << "what it says never came";
}

TEST(Notices, TextsThatDifferByRegionHideNoChangeOfTheContract) {
    History history;
    const auto step = [&history](char contract) {
        auto cells = history.cells("...");
        for (std::size_t i = 0; i < 3; ++i) {
            cells[i].semantic_hash = std::string(64, contract);
            cells[i].full_hash = std::string(64, static_cast<char>('1' + i));
        }
        return history.step(cells);
    };
    EXPECT_EQ(step('a'), "");
    EXPECT_EQ(step('b'), "+tool_drift");
}

TEST(Notices, ARegionThatIsSilentForLongHidesNoDrift) {
    History history;
    auto cells = history.cells("..");
    cells[0].semantic_hash = cells[1].semantic_hash = std::string(64, 'a');
    EXPECT_EQ(history.step(cells), "");
    EXPECT_EQ(history.run(".u .u .u .u .u"), "+visibility(2)");
    cells = history.cells(".u");
    cells[0].semantic_hash = std::string(64, 'b');
    EXPECT_EQ(history.step(cells), "+tool_drift");
}

TEST(Notices, WhatOpensWhileWeCatchUpIsToldWhenWeHave) {
    History history;
    history.in_time = false;
    EXPECT_EQ(history.run("AA DD"), "+(quiet)auth(1,2) -(quiet)auth +(quiet)degraded(1,2)");
    history.in_time = true;
    EXPECT_EQ(history.step("DD"), "!degraded(1,2)");
    EXPECT_EQ(history.step("DD"), "");
    EXPECT_EQ(history.step(".."), "-degraded");
}

TEST(Notices, WhatClosesWhileNobodyIsToldIsToldAfterwards) {
    for (const bool silence : {true, false}) {
        History history;
        EXPECT_EQ(history.step("AA"), "+auth(1,2)");
        history.in_time = silence;
        history.silenced = silence;
        EXPECT_EQ(history.step(".."), silence ? "-auth" : "-(quiet)auth");
        const UtcTime closed = history.minute().start();  // decided at the end of its minute
        EXPECT_EQ(history.run(".. .."), "");
        history.in_time = true;
        history.silenced = false;
        EXPECT_EQ(history.step(".."), "xauth");
        EXPECT_EQ(history.changes.at(0).at, closed);
        EXPECT_EQ(history.step(".."), "");
    }
}

TEST(Notices, WhatOpensAnewInASilenceIsAnother) {
    History history;
    EXPECT_EQ(history.step("AA"), "+auth(1,2)");
    history.silenced = true;
    EXPECT_EQ(history.run(".. AA .. AA"), "-auth +auth(1,2) -auth +auth(1,2)");
    EXPECT_EQ(history.state.untold_closes.size(), 1U) << "the one that people know";
    history.silenced = false;
    EXPECT_EQ(history.step("AA"), "xauth !auth(1,2)");
}

TEST(Notices, WhatCameAndWentInASilenceIsToldByItsMarkedRowsAlone) {
    History history;
    history.silenced = true;
    EXPECT_EQ(history.run("AA .."), "+auth(1,2) -auth");
    history.silenced = false;
    EXPECT_EQ(history.step(".."), "");
}

TEST(Notices, WhatBecomesWorseInASilenceIsToldAfterIt) {
    History history;
    auto cells = history.cells("..");
    for (auto& cell : cells) {
        cell.semantic_hash = std::string(64, 'a');
        cell.certificate_not_after = kStart.start() + hours{24 * 8};
    }
    EXPECT_EQ(history.step(cells), "+certificate_expiry(1,2)");
    history.silenced = true;
    history.at = 60 * 24 * 7 + 1;
    EXPECT_EQ(history.step(".."), "~certificate_expiry(1,2)") << "less than a day is left";
    EXPECT_EQ(history.step(".."), "");
    history.silenced = false;
    EXPECT_EQ(history.step(".."), "^certificate_expiry(1,2)");
    EXPECT_EQ(history.step(".."), "");
}

TEST(Notices, MaintenanceHoldsThemThoughTimeGoesOn) {
    History history;
    auto cells = history.cells("..");
    for (auto& cell : cells) {
        cell.semantic_hash = std::string(64, cell.key.region == RegionId{1} ? 'a' : 'b');
        cell.certificate_not_after = kStart.start() + hours{24 * 22};
    }
    EXPECT_EQ(history.step(cells), "");
    history.maintenance = true;
    history.at = 60 * 24 * 2;  // the certificate's first level, and half an hour of disagreement
    EXPECT_EQ(history.run("AA AA uu uu uu uu uu"), "");
    history.maintenance = false;
    EXPECT_EQ(history.step(".."), "+certificate_expiry(1,2) +region_disagreement");
    history.maintenance = true;
    EXPECT_EQ(history.run(".. AA"), "");
    history.silenced = true;
    history.maintenance = false;
    for (auto& cell : cells)
        cell.semantic_hash = std::string(64, 'b');
    EXPECT_EQ(history.step(cells), "-region_disagreement");
    history.silenced = false;
    history.maintenance = true;
    EXPECT_EQ(history.step(".."), "") << "and nobody is told in it of what was before";
    history.maintenance = false;
    EXPECT_EQ(history.step(".."), "xregion_disagreement");
}

TEST(Notices, AChangeOfEraInMaintenanceIsNoneAndTheNextIsComparedWithIt) {
    History history;
    auto cells = history.cells("..");
    cells[0].era = Era::legacy;
    EXPECT_EQ(history.step(cells), "");
    cells[0].warnings.add(Warning::era_changed);
    history.maintenance = true;
    cells[0].era = Era::modern;
    EXPECT_EQ(history.step(cells), "");
    history.maintenance = false;
    cells[0].era = Era::legacy;
    EXPECT_EQ(history.step(cells), "+era_change");
}

TEST(Notices, OfADeletedEndpointIsToldWhatPeopleTakeToBeOpen) {
    History history;
    EXPECT_EQ(history.step("AA"), "+auth(1,2)");
    history.silenced = true;
    EXPECT_EQ(history.step("DD"), "-auth +degraded(1,2)");
    const auto changes = close_notices(history.state, UtcTime{});
    ASSERT_EQ(changes.size(), 2U);
    EXPECT_EQ(changes[0].kind, NoticeKind::auth);
    EXPECT_EQ(changes[0].change, NoticeChange::Kind::told_closed);
    EXPECT_EQ(changes[1].kind, NoticeKind::degraded);
    EXPECT_FALSE(changes[1].notify);
    EXPECT_TRUE(history.state.open.empty() && history.state.untold_closes.empty());
}

TEST(Notices, RegionsThatDifferForHalfAnHourDisagree) {
    History history;
    auto cells = history.cells("..");
    cells[0].semantic_hash = std::string(64, 'a');
    cells[1].semantic_hash = std::string(64, 'b');
    EXPECT_EQ(history.step(cells), "");
    history.at = 30;
    EXPECT_EQ(history.step(".."), "");
    EXPECT_EQ(history.step(".."), "+region_disagreement");
    cells[1].semantic_hash = std::string(64, 'a');
    EXPECT_EQ(history.step(cells), "-region_disagreement");
}

TEST(Notices, AnotherEraIsTold) {
    History history;
    auto cells = history.cells("..");
    cells[0].era = Era::legacy;
    EXPECT_EQ(history.step(cells), "");
    cells[0].era = Era::modern;
    EXPECT_EQ(history.step(cells), "") << "the probe was not told the older one";
    cells[0].warnings.add(Warning::era_changed);
    EXPECT_EQ(history.step(cells), "+era_change");
    EXPECT_EQ(history.step(cells), "");
}

TEST(Notices, ARegionThatLeavesIsForgotten) {
    History history;
    EXPECT_EQ(history.run("A.. A.."), "+auth(1)");
    auto cells = history.cells("...");
    cells.erase(cells.begin());
    EXPECT_EQ(history.step(cells), "-auth");
    EXPECT_EQ(history.state.regions.size(), 2U);
}

TEST(Notices, RefuseBytesThatAreNoState) {
    std::string whole;
    pack(NoticeState{{{.region = RegionId{3}, .fails = 5, .semantic = 7, .certificate = UtcTime{}}},
                     {{NoticeKind::auth, UtcTime{}, 1, {RegionId{3}}, Told::nothing}},
                     7,
                     0,
                     UtcTime{},
                     Era::legacy,
                     {{NoticeKind::degraded, UtcTime{}}}},
         whole);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::string_view part{whole.data(), size};
        EXPECT_THROW(unpack_notice_state(part), std::invalid_argument) << size;
    }
    for (const auto* bytes : {"\2", "\1\377\377\1", "\1\1", "\1\0\1"}) {
        std::string_view text{bytes};
        EXPECT_THROW(unpack_notice_state(text), std::invalid_argument) << bytes;
    }
}

TEST(Notices, ReadWhatWasStoredAsJson) {
    const auto state = notice_state_of_json(
        R"({"regions":[{"id":1,"fails":3,"auth":2,"certificate":1800000000000000},{"id":2}],)"
        R"("tools":[[7,9,[1,2]]],"semantic":7,"full":9,"era":2,"open":[[1,1800000000000000,1,[1],false]]})");
    const UtcTime at{microseconds{1'800'000'000'000'000}};
    const NoticeState expected{{{.region = RegionId{1},
                                 .fails = 3,
                                 .auth_run = 2,
                                 .semantic = 7,
                                 .full = 9,
                                 .certificate = at},
                                {.region = RegionId{2}, .semantic = 7, .full = 9}},
                               {{NoticeKind::auth, at, 1, {RegionId{1}}, Told::nothing}},
                               7,
                               9,
                               std::nullopt,
                               static_cast<Era>(2),
                               {}};
    EXPECT_EQ(state, expected);
    for (const auto* text :
         {"", "{}", "[]", R"({"regions": [{}]})", R"({"regions": [], "open": [[99, 0, 0]]})"})
        EXPECT_THROW(notice_state_of_json(text), std::invalid_argument) << text;
}

}  // namespace
}  // namespace quorate

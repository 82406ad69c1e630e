#include "probe/verdict.hpp"

#include <optional>
#include <utility>

#include <gtest/gtest.h>

namespace quorate {
namespace {

ProbeReport concluded(ProbeRequest request,
                      std::optional<Failure> failure,
                      ProbeReport report = {},
                      std::optional<Finding> degraded = {}) {
    conclude(report, request, failure, degraded);
    return report;
}

Failure failure(Phase phase, Reason reason) {
    return {phase, reason, "x"};
}

TEST(ProbeVerdict, WhatTheOwnerRequiresFailsAndWhatIsOptionalDegrades) {
    ProbeRequest request;
    const auto missing = failure(Phase::tools_list, Reason::tool_missing);
    EXPECT_EQ(concluded(request, missing).verdict, Verdict::fail);
    request.expect.required = false;
    EXPECT_EQ(concluded(request, missing).verdict, Verdict::degraded);
}

TEST(ProbeVerdict, EveryFailureOfACanaryCountsAsItsOwnerSays) {
    ProbeRequest request;
    request.canary.emplace();
    for (const auto reason : {Reason::canary_tool_error,
                              Reason::timeout_body,
                              Reason::http_server_error,
                              Reason::auth_insufficient_scope}) {
        request.canary->required = true;
        EXPECT_EQ(concluded(request, failure(Phase::tools_call, reason)).verdict, Verdict::fail);
        request.canary->required = false;
        EXPECT_EQ(concluded(request, failure(Phase::tools_call, reason)).verdict,
                  Verdict::degraded);
    }
}

TEST(ProbeVerdict, WhatWasFoundFirstDecidesUnlessWhatIsRequiredFailsLater) {
    ProbeRequest request;
    request.canary.emplace();
    request.canary->required = false;
    const std::optional<Finding> findings[] = {
        Finding{failure(Phase::tools_list, Reason::tool_missing), 200},
        Finding{failure(Phase::tools_list, Reason::schema_drift), 200}};
    for (const auto& found : findings) {
        ProbeReport after_the_canary;
        after_the_canary.http_status = 429;
        after_the_canary.rpc_code = -32042;
        after_the_canary.os_error = 104;
        for (const auto reason : {Reason::canary_tool_error,
                                  Reason::canary_input_required,
                                  Reason::rate_limited,
                                  Reason::response_truncated}) {
            const auto canary = failure(Phase::tools_call, reason);
            const auto report = concluded(request, canary, after_the_canary, found);
            EXPECT_EQ(report.verdict, Verdict::degraded);
            EXPECT_EQ(report.reason, found->failure.reason);
            EXPECT_EQ(report.phase, Phase::tools_list);
            EXPECT_EQ(report.http_status, 200);
            EXPECT_FALSE(report.rpc_code);
            EXPECT_FALSE(report.os_error);
        }
        EXPECT_EQ(concluded(request, std::nullopt, {}, found).reason, found->failure.reason);
        const auto stopped = failure(Phase::tools_call, Reason::aborted);
        EXPECT_EQ(concluded(request, stopped, {}, found).reason, Reason::aborted);
        auto required = request;
        required.canary->required = true;
        const auto canary = failure(Phase::tools_call, Reason::canary_tool_error);
        const auto failed = concluded(required, canary, after_the_canary, found);
        EXPECT_EQ(failed.verdict, Verdict::fail);
        EXPECT_EQ(failed.reason, Reason::canary_tool_error);
        EXPECT_EQ(failed.http_status, 429);
    }
}

TEST(ProbeVerdict, OurOwnTroubleIsNeverAFail) {
    ProbeRequest request;
    request.canary.emplace();
    for (const auto reason : {Reason::aborted,
                              Reason::agent_unhealthy,
                              Reason::rate_limited,
                              Reason::address_forbidden,
                              Reason::canary_input_required})
        EXPECT_EQ(concluded(request, failure(Phase::tools_call, reason)).verdict, Verdict::unknown);
}

TEST(ProbeVerdict, AServerAheadOfUsIsUnknownAndOneBehindIsDegraded) {
    const auto unsupported = failure(Phase::discover, Reason::protocol_version_unsupported);
    ProbeReport ahead;
    ahead.peer_versions = {"2027-03-01"};
    EXPECT_EQ(concluded({}, unsupported, ahead).verdict, Verdict::unknown);
    ProbeReport behind;
    behind.peer_versions = {"2024-01-01"};
    EXPECT_EQ(concluded({}, unsupported, behind).verdict, Verdict::degraded);
    EXPECT_TRUE(concluded({}, std::nullopt, behind).peer_versions.empty());
}

TEST(ProbeVerdict, AnExpectedWallIsHealthyAndItsAbsenceIsNot) {
    ProbeRequest request;
    request.expect.auth_wall = true;
    ProbeReport challenged;
    challenged.auth.required = true;
    challenged.auth.bearer = true;
    const auto wall = failure(Phase::initialize, Reason::auth_required);
    const auto walled = concluded(request, wall, challenged);
    EXPECT_EQ(walled.verdict, Verdict::up);
    EXPECT_FALSE(walled.reason);
    const auto bare = concluded(request, wall);
    EXPECT_EQ(bare.verdict, Verdict::auth);
    EXPECT_EQ(bare.reason, Reason::auth_required);
    EXPECT_EQ(
        concluded(request, failure(Phase::initialize, Reason::auth_failed), challenged).verdict,
        Verdict::auth);
    const auto open = concluded(request, std::nullopt);
    EXPECT_EQ(open.verdict, Verdict::degraded);
    EXPECT_EQ(open.reason, Reason::auth_wall_missing);
    EXPECT_EQ(concluded(request, failure(Phase::tcp, Reason::connection_refused)).verdict,
              Verdict::fail);
}

TEST(ProbeVerdict, SlowIsOverTheThresholdAndNamesTheLongestPhase) {
    ProbeRequest request;
    request.slow_over_ms = 100;
    ProbeReport report;
    report.timings.total = 100'000;
    EXPECT_EQ(concluded(request, std::nullopt, report).verdict, Verdict::up);
    report.timings.total = 100'001;
    report.timings.initialize = 20'000;
    report.timings.tools_list = 70'000;
    const auto slow = concluded(request, std::nullopt, report);
    EXPECT_EQ(slow.verdict, Verdict::slow);
    EXPECT_EQ(slow.reason, Reason::slow);
    EXPECT_EQ(slow.slow_phase, Phase::tools_list);
    const auto walled = concluded(request, failure(Phase::initialize, Reason::forbidden), report);
    EXPECT_EQ(walled.verdict, Verdict::auth);
    EXPECT_TRUE(walled.slow);
    const auto failed = concluded(request, failure(Phase::tcp, Reason::timeout_connect), report);
    EXPECT_FALSE(failed.slow);
}

TEST(ProbeVerdict, AnyPhaseMayBeTheLongest) {
    ProbeRequest request;
    request.slow_over_ms = 1;
    const std::pair<PhaseTimings::Us PhaseTimings::*, Phase> rows[] = {
        {&PhaseTimings::dns, Phase::dns},
        {&PhaseTimings::tcp, Phase::tcp},
        {&PhaseTimings::tls, Phase::tls},
        {&PhaseTimings::discover, Phase::discover},
        {&PhaseTimings::sse_open, Phase::sse_open},
        {&PhaseTimings::initialize, Phase::initialize},
        {&PhaseTimings::initialized, Phase::initialized},
        {&PhaseTimings::tools_list, Phase::tools_list},
        {&PhaseTimings::tools_call, Phase::tools_call}};
    for (const auto& [slot, phase] : rows) {
        ProbeReport report;
        report.timings.total = 60'000;
        for (const auto& [other, unused] : rows)
            report.timings.*other = 5'000;
        report.timings.*slot = 20'000;
        EXPECT_EQ(concluded(request, std::nullopt, report).slow_phase, phase);
    }
}

TEST(ProbeVerdict, AGreenHealthUrlIsToldWhereMcpFails) {
    ProbeReport report;
    report.health = HealthReport{200, 3};
    EXPECT_NE(concluded({}, failure(Phase::tools_list, Reason::timeout_body), report)
                  .detail.find("health URL is green"),
              std::string::npos);
}

}  // namespace
}  // namespace quorate

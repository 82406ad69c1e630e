#include "probe/verdict.hpp"

#include <gtest/gtest.h>

namespace quorate {
namespace {

ProbeReport concluded(ProbeRequest request,
                      std::optional<Failure> failure,
                      ProbeReport report = {}) {
    conclude(report, request, failure, std::nullopt);
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

TEST(ProbeVerdict, AGreenHealthUrlIsToldWhereMcpFails) {
    ProbeReport report;
    report.health = HealthReport{200, 3};
    EXPECT_NE(concluded({}, failure(Phase::tools_list, Reason::timeout_body), report)
                  .detail.find("health URL is green"),
              std::string::npos);
}

}  // namespace
}  // namespace quorate

#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/support/slow_rule/slow_rule.hpp"

namespace quorate::testing {

/// Sealed minutes of one endpoint.
struct RandomHistory {
    RuleParams params;
    std::vector<SlowMinute> minutes;
};

/// 1 to 60 minutes of 1 to 7 regions, in bursts, so that incidents open and close; rarely with
/// gaps, and with regions that join and leave.
RandomHistory random_history(std::mt19937_64& random);

/// One line per minute with one letter per region: `.` UP, `s` SLOW, `d` DEGRADED (`D` and slow),
/// `a` AUTH (`A` and slow), `F` FAIL, `u` UNKNOWN, `m` MAINT, `-` not configured.
std::string letters(const RandomHistory& history);

}  // namespace quorate::testing

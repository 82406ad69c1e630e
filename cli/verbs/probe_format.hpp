#pragma once

#include <string>

#include "probe/report.hpp"

namespace quorate::cli {

/// The JSON object of a report on one line: stable names, absent values `null`.
std::string to_json_line(const ProbeReport& report);

/// The report for people: the verdict, a waterfall of the phases, what is wrong and what to check
/// next.
std::string to_text(const ProbeReport& report);

/// One sentence on what to check next; empty where nothing is wrong.
std::string advice_for(const ProbeReport& report);

}  // namespace quorate::cli

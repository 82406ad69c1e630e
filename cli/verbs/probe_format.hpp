#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/verbs/probed_endpoints.hpp"
#include "probe/report.hpp"
#include "probe/request.hpp"

namespace quorate::cli {

/// How text is laid out.
struct TextStyle {
    std::size_t width = 80;    ///< columns
    bool on_terminal = false;  ///< wrap lines to the width
    bool blocks = false;       ///< bars of block characters; otherwise of ASCII
    bool colour = false;
};

/// The style of standard output: its width, blocks where the locale is UTF-8, colour unless
/// NO_COLOR is set; plain 80 columns of ASCII where it is no terminal.
TextStyle style_of_stdout();

/// The JSON object of a report on one line: stable names, absent values `null`. Where the request
/// has a baseline it has one member more, `changes`.
std::string to_json_line(const ProbeReport& report, const ProbeRequest& request);

/// The report for people: the verdict, what is wrong and what to check next, the server, changes
/// against the manifest, and the phases as a waterfall to scale.
/// @param name  what the endpoint is called, where that is not its URL
std::string to_text(const ProbeReport& report, const std::string& name, const TextStyle& style);

/// One row per report under headings, and the verdicts counted.
std::string summary_of(const std::vector<std::string>& names,
                       const std::vector<ProbeReport>& reports,
                       const TextStyle& style);

}  // namespace quorate::cli

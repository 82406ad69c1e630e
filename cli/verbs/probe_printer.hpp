#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/session.hpp"
#include "cli/verbs/probe_format.hpp"
#include "probe/report.hpp"

namespace quorate::cli {

/// The exit status of a report: 0 UP; 1 FAIL; 3 SLOW, DEGRADED or AUTH; 4 UNKNOWN.
int exit_status_of(Verdict verdict);
/// The worse of two, in the order 1, 4, 3, 0.
int worse_status(int left, int right);

/// A line on a terminal that says how far a long run is, and gives way to what is printed.
class ProgressLine {
public:
    /// @param out  the terminal; nothing: say nothing
    ProgressLine(std::ostream* out, std::size_t count) : out_{out}, count_{count} {}
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { clear(); }

    void show(std::size_t done, std::size_t not_up);
    void clear();

private:
    std::ostream* out_;
    std::size_t count_;
    bool shown_ = false;
};

/// Prints reports in the order of their endpoints, each as soon as all before it are there.
class ProbePrinter {
public:
    /// @param progress  where the progress line goes; nothing: there is none
    ProbePrinter(std::vector<std::string> names,
                 OutputFormat format,
                 TextStyle style,
                 std::ostream& out,
                 std::ostream* progress);

    void take(std::size_t index, ProbeReport report, const ProbeRequest& request);
    /// The summary of several endpoints, in text; call it once, at the end.
    void finish();

    /// The worst exit status so far.
    int status() const { return status_.value_or(0); }

private:
    std::string text_of(const ProbeReport& report,
                        const ProbeRequest& request,
                        const std::string& name) const;

    std::vector<std::string> names_;
    std::vector<std::optional<std::string>> texts_;  ///< not printed yet
    std::vector<ProbeReport> reports_;               ///< without what only the texts need
    OutputFormat format_;
    TextStyle style_;
    std::ostream& out_;
    ProgressLine progress_;
    std::size_t next_ = 0;
    std::size_t done_ = 0;
    std::size_t not_up_ = 0;
    std::optional<int> status_;
};

}  // namespace quorate::cli

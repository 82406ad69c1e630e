#include "cli/verbs/probe_printer.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <boost/json/parse.hpp>

#include "cli/json.hpp"

namespace quorate::cli {

int exit_status_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::up:
            return 0;
        case Verdict::fail:
            return 1;
        case Verdict::slow:
        case Verdict::degraded:
        case Verdict::auth:
            return 3;
        case Verdict::unknown:
        case Verdict::maint:
            return 4;
    }
    return 4;
}

int worse_status(int left, int right) {
    static constexpr std::array kWorstFirst{1, 4, 3, 0};
    return *std::find_if(kWorstFirst.begin(), kWorstFirst.end(), [&](int status) {
        return status == left || status == right;
    });
}

void ProgressLine::show(std::size_t done, std::size_t not_up) {
    if (out_ == nullptr) return;
    *out_ << "\r\x1b[K" << done << " of " << count_ << " probed";
    if (not_up > 0) *out_ << ", " << not_up << " not up";
    *out_ << std::flush;
    shown_ = true;
}

void ProgressLine::clear() {
    if (std::exchange(shown_, false)) *out_ << "\r\x1b[K" << std::flush;
}

ProbePrinter::ProbePrinter(std::vector<std::string> names,
                           OutputFormat format,
                           TextStyle style,
                           std::ostream& out,
                           std::ostream* progress)
    : names_{std::move(names)},
      texts_(names_.size()),
      reports_(names_.size()),
      format_{format},
      style_{style},
      out_{out},
      progress_{names_.size() > 1 ? progress : nullptr, names_.size()} {
    progress_.show(0, 0);
}

std::string ProbePrinter::text_of(const ProbeReport& report,
                                  const ProbeRequest& request,
                                  const std::string& name) const {
    if (format_ == OutputFormat::table) return to_text(report, name, style_);
    auto line = to_json_line(report, request);
    return format_ == OutputFormat::yaml ? yaml_text(boost::json::parse(line)) : line + "\n";
}

void ProbePrinter::take(std::size_t index, ProbeReport report, const ProbeRequest& request) {
    const auto status = exit_status_of(report.verdict);
    status_ = status_ ? worse_status(*status_, status) : status;
    ++done_;
    not_up_ += report.verdict == Verdict::up ? 0 : 1;
    texts_[index] = text_of(report, request, names_[index]);
    // Long lists of URLs should not pile up.
    report.changes = {};
    report.tool_list.reset();
    if (report.tools) {
        ToolsReport tools;
        tools.count = report.tools->count;
        report.tools = std::make_shared<const ToolsReport>(std::move(tools));
    }
    reports_[index] = std::move(report);
    for (; next_ < texts_.size() && texts_[next_]; ++next_) {
        progress_.clear();
        if (format_ == OutputFormat::table && next_ > 0) out_ << "\n";
        out_ << *std::exchange(texts_[next_], std::string{}) << std::flush;
    }
    if (done_ < names_.size()) progress_.show(done_, not_up_);
}

void ProbePrinter::finish() {
    progress_.clear();
    if (format_ == OutputFormat::table && names_.size() > 1)
        out_ << "\n" << summary_of(names_, reports_, style_) << std::flush;
}

}  // namespace quorate::cli

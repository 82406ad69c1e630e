#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace quorate {

/// Handles to one time series: cheap to copy, thread-safe, valid as long as their Metrics.
class Counter {
public:
    explicit Counter(prometheus::Counter& series) : series_{&series} {}
    /// @param amount not negative.
    void add(double amount = 1.0) const;
    double value() const;

private:
    prometheus::Counter* series_;
};

class Gauge {
public:
    explicit Gauge(prometheus::Gauge& series) : series_{&series} {}
    void set(double value) const;
    void add(double amount) const;
    double value() const;

private:
    prometheus::Gauge* series_;
};

class Histogram {
public:
    explicit Histogram(prometheus::Histogram& series) : series_{&series} {}
    void observe(double value) const;

private:
    prometheus::Histogram* series_;
};

/// All series of one name. Thread-safe; valid as long as its Metrics. Series are bounded: beyond
/// `kSeriesMax` combinations of label values every new one is counted in the series whose labels
/// are all `other`.
template <class Series>
class MetricFamily {
public:
    static constexpr std::size_t kSeriesMax = 1000;
    struct State;
    explicit MetricFamily(State& state) : state_{&state} {}
    /// The series with these label values, in the order the labels were declared; made at first
    /// use. Throws std::invalid_argument if their number is wrong. Keep the handle on hot paths.
    Series with(std::initializer_list<std::string_view> label_values) const;
    Series with(const std::vector<std::string>& label_values) const;

private:
    State* state_;
};

/// The metrics of one daemon, declared in one place of it (its `…Metrics` struct).
/// @code
///     struct AgentMetrics {
///         explicit AgentMetrics(Metrics& metrics)
///             : probes{metrics.counters("quorate_agent_probes_total", "Probes by verdict.",
///                                       {"verdict"})} {}
///         MetricFamily<Counter> probes;
///     };
/// @endcode
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// Names begin with `quorate_`; units are last and base units (`_seconds`, `_bytes`), counters
    /// end in `_total`. All six throw std::invalid_argument for a bad or already declared name.
    Counter counter(const std::string& name, const std::string& help);
    Gauge gauge(const std::string& name, const std::string& help);
    /// @param bounds upper bounds of the buckets, ascending.
    Histogram histogram(const std::string& name,
                        const std::string& help,
                        std::vector<double> bounds);
    MetricFamily<Counter> counters(const std::string& name,
                                   const std::string& help,
                                   std::vector<std::string> labels);
    MetricFamily<Gauge> gauges(const std::string& name,
                               const std::string& help,
                               std::vector<std::string> labels);
    MetricFamily<Histogram> histograms(const std::string& name,
                                       const std::string& help,
                                       std::vector<std::string> labels,
                                       std::vector<double> bounds);

    /// Calls `refresh` before each exposition, to set gauges that are read rather than counted
    /// (queue depths). It runs on the thread of the exposition, must not throw, and what it refers
    /// to must outlive the last exposition.
    void on_exposition(std::function<void()> refresh);

    /// The Prometheus text format, version 0.0.4. Thread-safe.
    std::string exposition() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace quorate

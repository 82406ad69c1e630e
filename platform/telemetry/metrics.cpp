#include "platform/telemetry/metrics.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace quorate {
namespace {

template <class Series>
struct Underlying;
template <>
struct Underlying<Counter> {
    using type = prometheus::Counter;
};
template <>
struct Underlying<Gauge> {
    using type = prometheus::Gauge;
};
template <>
struct Underlying<Histogram> {
    using type = prometheus::Histogram;
};

}  // namespace

void Counter::add(double amount) const {
    series_->Increment(amount);
}
double Counter::value() const {
    return series_->Value();
}
void Gauge::set(double value) const {
    series_->Set(value);
}
void Gauge::add(double amount) const {
    series_->Increment(amount);
}
double Gauge::value() const {
    return series_->Value();
}
void Histogram::observe(double value) const {
    series_->Observe(value);
}

template <class Series>
struct MetricFamily<Series>::State {
    using Native = typename Underlying<Series>::type;

    prometheus::Family<Native>* family;
    std::vector<std::string> labels;
    std::vector<double> bounds;  // of a histogram
    std::mutex mutex;
    std::map<std::vector<std::string>, Native*> series;

    Series with(std::vector<std::string> values) {
        if (values.size() != labels.size())
            throw std::invalid_argument{family->GetName() + " has " +
                                        std::to_string(labels.size()) + " labels"};
        const std::lock_guard lock{mutex};
        if (!series.contains(values) && series.size() >= kSeriesMax)
            std::fill(values.begin(), values.end(), "other");
        auto& native = series[values];
        if (native == nullptr) native = &add(values);
        return Series{*native};
    }

    Native& add(const std::vector<std::string>& values) {
        std::map<std::string, std::string> labelled;
        for (std::size_t i = 0; i < labels.size(); ++i)
            labelled[labels[i]] = values[i];
        if constexpr (std::is_same_v<Series, Histogram>)
            return family->Add(labelled, bounds);
        else
            return family->Add(labelled);
    }
};

template <class Series>
Series MetricFamily<Series>::with(std::initializer_list<std::string_view> label_values) const {
    return state_->with({label_values.begin(), label_values.end()});
}

template <class Series>
Series MetricFamily<Series>::with(const std::vector<std::string>& label_values) const {
    return state_->with(label_values);
}

template class MetricFamily<Counter>;
template class MetricFamily<Gauge>;
template class MetricFamily<Histogram>;

struct Metrics::State {
    prometheus::Registry registry;
    std::mutex mutex;  // of all below
    std::set<std::string> names;
    std::vector<std::function<void()>> refreshers;
    std::vector<std::unique_ptr<MetricFamily<Counter>::State>> counters;
    std::vector<std::unique_ptr<MetricFamily<Gauge>::State>> gauges;
    std::vector<std::unique_ptr<MetricFamily<Histogram>::State>> histograms;

    void claim(const std::string& name) {
        constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789_";
        if (!name.starts_with("quorate_") || name.find_first_not_of(kAllowed) != std::string::npos)
            throw std::invalid_argument{"metric " + name + " must be quorate_ and snake_case"};
        if (!names.insert(name).second)
            throw std::invalid_argument{"metric " + name + " is declared twice"};
    }

    template <class Series, class Builder>
    MetricFamily<Series> declare(
        Builder builder,
        std::vector<std::unique_ptr<typename MetricFamily<Series>::State>>& families,
        const std::string& name,
        const std::string& help,
        std::vector<std::string> labels,
        std::vector<double> bounds) {
        const std::lock_guard lock{mutex};
        claim(name);
        auto& family = builder.Name(name).Help(help).Register(registry);
        auto state = std::make_unique<typename MetricFamily<Series>::State>();
        state->family = &family;
        state->labels = std::move(labels);
        state->bounds = std::move(bounds);
        families.push_back(std::move(state));
        return MetricFamily<Series>{*families.back()};
    }
};

Metrics::Metrics() : state_{std::make_unique<State>()} {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help) {
    return counters(name, help, {}).with(std::vector<std::string>{});
}

Gauge Metrics::gauge(const std::string& name, const std::string& help) {
    return gauges(name, help, {}).with(std::vector<std::string>{});
}

Histogram Metrics::histogram(const std::string& name,
                             const std::string& help,
                             std::vector<double> bounds) {
    return histograms(name, help, {}, std::move(bounds)).with(std::vector<std::string>{});
}

MetricFamily<Counter> Metrics::counters(const std::string& name,
                                        const std::string& help,
                                        std::vector<std::string> labels) {
    if (!name.ends_with("_total"))
        throw std::invalid_argument{"counter " + name + " must end in _total"};
    return state_->declare<Counter>(
        prometheus::BuildCounter(), state_->counters, name, help, std::move(labels), {});
}

MetricFamily<Gauge> Metrics::gauges(const std::string& name,
                                    const std::string& help,
                                    std::vector<std::string> labels) {
    return state_->declare<Gauge>(
        prometheus::BuildGauge(), state_->gauges, name, help, std::move(labels), {});
}

MetricFamily<Histogram> Metrics::histograms(const std::string& name,
                                            const std::string& help,
                                            std::vector<std::string> labels,
                                            std::vector<double> bounds) {
    if (bounds.empty() || !std::is_sorted(bounds.begin(), bounds.end()))
        throw std::invalid_argument{"histogram " + name + " needs ascending bounds"};
    return state_->declare<Histogram>(prometheus::BuildHistogram(),
                                      state_->histograms,
                                      name,
                                      help,
                                      std::move(labels),
                                      std::move(bounds));
}

void Metrics::on_exposition(std::function<void()> refresh) {
    const std::lock_guard lock{state_->mutex};
    state_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::exposition() const {
    {
        const std::lock_guard lock{state_->mutex};
        for (const auto& refresh : state_->refreshers)
            refresh();
    }
    return prometheus::TextSerializer{}.Serialize(state_->registry.Collect());
}

}  // namespace quorate

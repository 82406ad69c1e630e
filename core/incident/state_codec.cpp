#include "core/incident/state_codec.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>

#include "core/base/varint.hpp"
#include "core/incident/state_fields.hpp"

namespace quorate {
namespace {

using namespace state_fields;

constexpr std::uint64_t kVersion = 1;

constexpr UtcTime kEpoch{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

/// What numbers of a type are counted from.
template <class T>
constexpr std::int64_t base_of() {
    if constexpr (std::same_as<T, UtcTime>) return kEpoch.time_since_epoch().count();
    if constexpr (std::same_as<T, UtcMinute>) return kEpoch.time_since_epoch() / milliseconds{1};
    return 0;
}

/// A region that voted in the last minute says so instead of when that was, so that its state stays
/// as it is while all is well.
RegionState told(RegionState state, std::optional<UtcMinute> last_minute) {
    if (state.last_vote && state.last_vote == last_minute) state.last_vote = UtcMinute{};
    return state;
}

/// Visits fields in their order. `Writer` puts what is not at its default, `Reader` takes what is
/// there. Both go through the same list of fields, so they can't drift apart.
class Writer {
public:
    template <class T>
    void operator()(std::string_view, const T& value, const T& absent = T{}) {
        if (mark(value != absent)) put(value);
    }
    template <class T>
    void operator()(std::string_view, const std::optional<T>& value) {
        if (mark(value.has_value())) put(*value);
    }
    template <class T, std::size_t N>
    void operator()(std::string_view, const std::array<T, N>& values) {
        if (!mark(values != std::array<T, N>{})) return;
        for (const auto& value : values)
            put(value);
    }
    void finish(std::string& bytes) const {
        append_varint(mask_, bytes);
        bytes += numbers_;
    }

private:
    bool mark(bool there) {
        if (there) mask_ |= std::uint64_t{1} << field_;
        ++field_;
        return there;
    }
    template <class T>
    void put(const T& value) {
        append_signed_varint(to_number(value) - base_of<T>(), numbers_);
    }

    unsigned field_ = 0;
    std::uint64_t mask_ = 0;
    std::string numbers_;
};

class Reader {
public:
    explicit Reader(std::string_view& bytes) : bytes_{bytes}, mask_{take_varint(bytes)} {}

    template <class T>
    void operator()(std::string_view key, T& value, const T& absent = T{}) {
        value = absent;
        if (marked()) take(key, value);
    }
    template <class T>
    void operator()(std::string_view key, std::optional<T>& value) {
        value.reset();
        if (marked()) take(key, value.emplace());
    }
    template <class T, std::size_t N>
    void operator()(std::string_view key, std::array<T, N>& values) {
        values = {};
        if (!marked()) return;
        for (auto& value : values)
            take(key, value);
    }
    /// A reader of a newer or a broken encoding would lose what it does not know.
    void refuse_unknown() const {
        if (mask_ >> field_ != 0) refuse("mask", "unknown fields");
    }

private:
    bool marked() { return (mask_ >> field_++ & 1U) != 0; }
    template <class T>
    void take(std::string_view key, T& value) {
        std::int64_t number = 0;
        if (__builtin_add_overflow(take_signed_varint(bytes_), base_of<T>(), &number))
            refuse(key, "number out of range");
        from_number(key, number, value);
    }

    std::string_view& bytes_;
    std::uint64_t mask_;
    unsigned field_ = 0;
};

template <class Fields>
void write(std::string& bytes, Fields fields) {
    Writer writer;
    fields(writer);
    writer.finish(bytes);
}

template <class Fields>
void read(std::string_view& bytes, Fields fields) {
    Reader reader{bytes};
    fields(reader);
    reader.refuse_unknown();
}

void read_regions(std::string_view& bytes, EndpointState& state) {
    const auto count = take_varint(bytes);
    if (count > kRegionsMax) refuse("regions", "more than 32");
    for (std::uint64_t i = 0; i < count; ++i) {
        auto& region = state.states.emplace_back();
        read(bytes,
             [&](auto& visit) { region_fields(visit, state.regions.emplace_back(), region); });
        if (region.last_vote == UtcMinute{}) region.last_vote = state.last_minute;
    }
    if (std::ranges::adjacent_find(state.regions, std::ranges::greater_equal{}) !=
        state.regions.end())
        refuse("regions", "not sorted by id");
}

}  // namespace

void pack(const EndpointState& state, std::string& bytes) {
    append_varint(kVersion, bytes);
    write(bytes, [&](auto& visit) { decision_fields(visit, state); });
    append_varint(state.regions.size(), bytes);
    for (std::size_t i = 0; i < state.regions.size(); ++i) {
        const auto region = told(state.states[i], state.last_minute);
        write(bytes, [&](auto& visit) { region_fields(visit, state.regions[i], region); });
    }
    write(bytes, [&](auto& visit) { incident_fields(visit, state.incident); });
}

EndpointState unpack_endpoint_state(std::string_view& bytes, std::optional<UtcMinute> last_minute) {
    if (take_varint(bytes) != kVersion) refuse("version", "not one that this program reads");
    EndpointState state;
    state.last_minute = last_minute;
    read(bytes, [&](auto& visit) { decision_fields(visit, state); });
    read_regions(bytes, state);
    read(bytes, [&](auto& visit) { incident_fields(visit, state.incident); });
    return state;
}

bool packs_alike(const EndpointState& a, const EndpointState& b) {
    if (a.last_decision != b.last_decision || a.blind_run != b.blind_run ||
        a.regions != b.regions || a.incident != b.incident)
        return false;
    for (std::size_t i = 0; i < a.states.size(); ++i)
        if (told(a.states[i], a.last_minute) != told(b.states[i], b.last_minute)) return false;
    return true;
}

}  // namespace quorate

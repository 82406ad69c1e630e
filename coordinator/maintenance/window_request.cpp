#include "coordinator/maintenance/window_request.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "coordinator/catalog/listing.hpp"
#include "core/base/text.hpp"
#include "platform/time_zones/time_zones.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

namespace chrono = std::chrono;

constexpr int kMatchersMax = 100;
constexpr int kLabelsMax = 16;
constexpr std::size_t kLabelMax = 253;  // bytes of a key or a value
constexpr std::size_t kOwnerMax = 100;
constexpr chrono::hours kLongest{24 * 366};
constexpr chrono::minutes kShortest{1};

/// Throws where the text is too long to keep, or drives a terminal.
void require_plain(const std::string& text, std::size_t most, const char* field) {
    if (text.size() > most || !is_safe_text(text))
        throw BadRequest{std::string{field} + " is text of at most " + std::to_string(most) +
                             " bytes without control characters",
                         field};
}

EndpointMatcher read_matcher(const v1::EndpointMatcher& asked, const Caller& caller) {
    EndpointMatcher matcher;
    matcher.tenant = asked.tenant();
    matcher.endpoint = asked.endpoint();
    if (!asked.endpoint().empty() &&
        (asked.tenant().empty() || asked.endpoint().find('/') != std::string::npos)) {
        const auto name = filter_of(asked.tenant(), asked.endpoint());
        matcher.tenant = name.tenant;
        matcher.endpoint = name.name;
    }
    if (!matcher.endpoint.empty() && !wire::is_name(matcher.endpoint))
        throw BadRequest{"an endpoint is named NAME or TENANT/NAME", "endpoint"};
    if (asked.labels_size() > kLabelsMax)
        throw BadRequest{"a matcher has at most 16 labels", "labels"};
    for (const auto& label : asked.labels()) {
        const auto equals = label.find('=');
        if (equals == std::string::npos || equals == 0)
            throw BadRequest{"a label is written KEY=VALUE", "labels"};
        require_plain(label, 2 * kLabelMax + 1, "labels");
        if (!matcher.labels.emplace(label.substr(0, equals), label.substr(equals + 1)).second)
            throw BadRequest{"a label's key is given once", "labels"};
    }
    if (matcher == EndpointMatcher{})
        throw BadRequest{"a matcher names an endpoint, a tenant or a label", "matchers"};
    matcher.tenant = narrowed_tenant(caller, matcher.tenant);
    return matcher;
}

/// It would be in force in no minute.
void require_end_after(UtcTime end, UtcMinute from, const char* field) {
    if (end <= UtcTime{from.start()})
        throw BadRequest{"it would be over before " + to_rfc3339(from) +
                             ", the first minute that it can hold in",
                         field};
}

void read_once(const v1::PlannedWindow& asked, UtcTime now, UtcMinute from, WindowOrder& order) {
    auto& window = order.window;
    window.start = asked.has_starts_at_us() ? UtcTime{microseconds{asked.starts_at_us()}} : now;
    if (window.start < now - kLongest || window.start > now + kLongest)
        throw BadRequest{"it starts at most 366 days from now", "starts_at_us"};
    if (asked.has_ends_at_us() == asked.has_duration_s())
        throw BadRequest{"say when it ends or how long it lasts, or how it recurs", "ends_at_us"};
    const auto* const field = asked.has_duration_s() ? "duration_s" : "ends_at_us";
    window.end = asked.has_duration_s() ? window.start + chrono::seconds{asked.duration_s()}
                                        : UtcTime{microseconds{asked.ends_at_us()}};
    if (window.end <= window.start || window.end > window.start + kLongest)
        throw BadRequest{"it ends after it starts, at most 366 days later", field};
    require_end_after(window.end, from, field);
    order.ends = window.end;
}

void read_weekly(const v1::WeeklyRule& asked, UtcTime now, UtcMinute from, WindowOrder& order) {
    WeeklyRule rule;
    const auto zone = find_time_zone(asked.time_zone());
    if (!zone)
        throw BadRequest{"the time zone is an IANA name such as Europe/Berlin or UTC", "time_zone"};
    if (const auto wrong = read_rrule(asked.rule(), rule); !wrong.empty())
        throw BadRequest{wrong, "rule"};
    const auto start = parse_time_of_day(asked.start_of_day());
    if (!start) throw BadRequest{"the time of day is written 02:30", "start_of_day"};
    const auto today = chrono::floor<chrono::days>(zone->local_of(now));
    const auto first_day = asked.first_day().empty() ? today : parse_local_day(asked.first_day());
    if (!first_day) throw BadRequest{"a day is written 2026-12-01", "first_day"};
    if (*first_day < today - kLongest || *first_day > today + kLongest)
        throw BadRequest{"the first day is at most 366 days from now", "first_day"};
    rule.start_of_day = *start;
    rule.first_day = *first_day;
    rule.duration = chrono::seconds{asked.duration_s()};
    if (rule.duration < kShortest || rule.duration > WeeklyRule::kDurationMax)
        throw BadRequest{"it lasts from a minute to a week", "duration_s"};
    const auto first = next_start(
        rule, zone->utc_of, UtcTime{first_day->time_since_epoch()} - 2 * chrono::hours{24});
    if (!first) throw BadRequest{"the rule never holds", "rule"};
    if (rule.until) {
        order.ends = *rule.until + rule.duration;
        require_end_after(*order.ends, from, "rule");
    }
    // The last start may be long before UNTIL.
    if (!next_start(rule, zone->utc_of, UtcTime{from.start()} - rule.duration + microseconds{1}))
        throw BadRequest{"the rule holds in no minute from " + to_rfc3339(from) + " on", "rule"};
    order.window.start = *first;
    order.window.weekly = rule;
    order.window.clock = zone->utc_of;
    order.time_zone = asked.time_zone();
}

}  // namespace

WindowOrder read_window(const v1::PlannedWindow& asked,
                        const Caller& caller,
                        UtcTime now,
                        UtcMinute from) {
    WindowOrder order;
    if (asked.matchers_size() == 0 || asked.matchers_size() > kMatchersMax)
        throw BadRequest{"say which endpoints it is about, in 1 to 100 matchers", "matchers"};
    for (const auto& matcher : asked.matchers())
        order.window.matchers.push_back(read_matcher(matcher, caller));
    order.window.reason = asked.reason().empty() ? caller.actor.reason : asked.reason();
    if (order.window.reason.empty()) throw BadRequest{"say why: --reason TEXT", "reason"};
    require_plain(order.window.reason, kReasonMax, "reason");
    order.window.owner = asked.owner().empty() ? caller.actor.principal : asked.owner();
    require_plain(order.window.owner, kOwnerMax, "owner");
    if (!asked.has_weekly()) {
        read_once(asked, now, from, order);
        return order;
    }
    if (asked.has_starts_at_us() || asked.has_ends_at_us() || asked.has_duration_s())
        throw BadRequest{
            "what recurs has its first day and UNTIL in place of a start and an end,"
            " and its rule's duration",
            "weekly"};
    read_weekly(asked.weekly(), now, from, order);
    return order;
}

std::optional<std::vector<std::string>> tenants_of(const std::vector<EndpointMatcher>& matchers) {
    std::set<std::string> tenants;
    for (const auto& matcher : matchers) {
        if (matcher.tenant.empty()) return std::nullopt;
        tenants.insert(matcher.tenant);
    }
    return std::vector<std::string>{tenants.begin(), tenants.end()};
}

void fill_matchers(v1::PlannedWindow& out, const std::vector<EndpointMatcher>& matchers) {
    for (const auto& matcher : matchers) {
        auto& told = *out.add_matchers();
        told.set_tenant(matcher.tenant);
        told.set_endpoint(matcher.endpoint);
        for (const auto& [key, value] : matcher.labels)
            told.add_labels(key + "=" + value);
    }
}

}  // namespace quorate::coordinator

#include "coordinator/fleet/fleet.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "coordinator/fleet/share.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"

namespace quorate::coordinator {
namespace {

constexpr const char* kNameInUse = "name_in_use";

/// Tells this process from every other one that has, had or will have its name.
std::string random_instance() {
    std::random_device random;
    std::string digits;
    for (int i = 0; i < 16; ++i)
        digits.push_back("0123456789abcdef"[random() % 16]);
    return digits;
}

/// What `work` fails with for Redis's sake; empty: it does not.
Task<std::string> failure_of(Task<> work) {
    try {
        co_await std::move(work);
    } catch (const RedisUnavailable& error) {
        co_return error.what();
    } catch (const RedisError& error) {
        co_return error.what();
    }
    co_return std::string{};
}

}  // namespace

std::string default_name(const std::string& host, std::uint16_t port) {
    const auto suffix = "-" + std::to_string(port);
    std::string name;
    for (const char c : host) {
        const bool upper = c >= 'A' && c <= 'Z';
        const char lower = upper ? static_cast<char>(c - 'A' + 'a') : c;
        const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        if (good || !name.empty()) name.push_back(good ? lower : '-');
    }
    constexpr std::size_t kNameMax = 63;
    name.resize(std::min(name.size(), kNameMax - suffix.size()));
    return (name.empty() ? "coordinator" : name) + suffix;
}

Fleet::Fleet(FleetContext context, Identity identity)
    : context_{context},
      identity_{std::move(identity)},
      instance_{random_instance()},
      leases_{context.redis, identity_.name + "#" + instance_} {}

Task<> Fleet::run() {
    bool failing = false;
    for (;;) {
        const auto began = context_.clock.steady_now();
        const auto failure = co_await round();
        drop_lapsed();
        if (failing != !failure.empty())
            log_event(context_.log,
                      failure.empty() ? LogLevel::info : LogLevel::warn,
                      failure.empty() ? "leases.renewed" : "leases.stalled",
                      kv("shards_held", context_.held.size()),
                      kv("detail", failure));
        failing = !failure.empty();
        co_await sleep_until(began + (complete_ && !failing ? kEvery : kSoon));
    }
}

/// Heartbeats and leases stand on different nodes of a cluster: where one can't be had the others
/// go on.
Task<std::string> Fleet::round() {
    auto looking = look();
    const auto of_looking = co_await failure_of(std::move(looking));
    auto giving = give_back();
    const auto of_giving = co_await failure_of(std::move(giving));
    auto taking = take();
    const auto of_taking = co_await failure_of(std::move(taking));
    context_.metrics.shards_held.set(static_cast<double>(context_.held.size()));
    co_return !of_looking.empty() ? of_looking : !of_giving.empty() ? of_giving : of_taking;
}

Task<> Fleet::look() {
    const auto asked_at = context_.clock.utc_now();
    const auto view = co_await tell(context_.catalogue.current());
    if (view.name_taken) {
        share_.clear();
    } else {
        if (nobody_changes(identity_.name, view)) context_.catalogue.no_change_before(asked_at);
        share_ = share_of(identity_.name, view, identity_.shards);
    }
    const auto alive =
        std::ranges::count_if(view.beats, [&view](const auto& beat) { return view.alive(beat); });
    context_.metrics.coordinators_alive.set(static_cast<double>(alive));
}

Task<> Fleet::announce_change() {
    const auto view = co_await tell(true);
    if (view.name_taken)
        throw RedisUnavailable{"another coordinator has the name " + identity_.name};
}

Task<CoordinatorsView> Fleet::tell(bool current) {
    auto view = co_await beat(context_.redis, own_beat(current), instance_);
    written_ = !view.name_taken;
    show_name_taken(view.name_taken);
    co_return view;
}

CoordinatorBeat Fleet::own_beat(bool current) const {
    CoordinatorBeat beat;
    beat.name = identity_.name;
    beat.version = identity_.version;
    if (context_.catalogue.complete_until()) beat.generation = context_.catalogue.generation();
    beat.current = current;
    beat.shards = static_cast<std::uint32_t>(context_.held.size());
    return beat;
}

/// A process that was killed leaves its name behind for a while: no news until that is over.
void Fleet::show_name_taken(bool taken) {
    if (!taken) {
        name_taken_since_.reset();
        if (context_.readiness.clear(kNameInUse))
            log_event(context_.log, LogLevel::info, "readiness.regained", kv("reason", kNameInUse));
        return;
    }
    const auto now = context_.clock.steady_now();
    if (!name_taken_since_) name_taken_since_ = now;
    if (now - *name_taken_since_ < 2 * kCoordinatorAliveFor) return;
    if (context_.readiness.set(kNameInUse))
        log_event(context_.log,
                  LogLevel::warn,
                  "readiness.lost",
                  kv("reason", kNameInUse),
                  kv("detail", "another coordinator is called " + identity_.name));
}

void Fleet::drop_lapsed() {
    const auto lapsed = context_.held.drop_lapsed(context_.clock.steady_now());
    if (lapsed.empty()) return;
    complete_ = false;
    context_.metrics.leases_lost.add(static_cast<double>(lapsed.size()));
    context_.metrics.shards_held.set(static_cast<double>(context_.held.size()));
    log_event(context_.log,
              LogLevel::warn,
              "leases.lost",
              kv("shards", lapsed.size()),
              kv("shards_held", context_.held.size()),
              kv("detail", "they could not be renewed in time"));
}

/// They are not planned from here on; what is under way to Redis comes before the release.
Task<> Fleet::give_back() {
    context_.held.keep_lapsed(share_);
    std::vector<HeldShard> given;
    for (const auto& held : context_.held.all())
        if (!share_.contains(held.shard)) given.push_back(held);
    if (given.empty()) co_return;
    for (const auto& held : given)
        context_.held.drop(held.shard);
    log_event(context_.log,
              LogLevel::info,
              "leases.released",
              kv("shards", given.size()),
              kv("shards_held", context_.held.size()));
    co_await leases_.release(std::move(given));
}

/// Throws what kept Redis, or a node of it, from answering for some of the shards; these stay ours
/// until they lapse.
Task<> Fleet::take() {
    const std::vector<ShardId> shards{share_.begin(), share_.end()};
    // Ours ends by our clock before theirs can begin by Redis's: both run from the answer's start.
    const auto until = context_.clock.steady_now() + kLease - kMargin;
    complete_ = false;
    auto wanted = shards;
    const auto answers = co_await leases_.hold(std::move(wanted), kLease);
    const auto failure = keep(shards, answers, until);
    complete_ = context_.held.size() == shards.size();
    if (!failure.empty()) throw RedisUnavailable{failure};
}

/// @return why some shards were not told of; empty: all were
std::string Fleet::keep(const std::vector<ShardId>& asked,
                        const std::vector<LeaseAnswer>& answers,
                        SteadyTime until) {
    std::map<ShardId, std::uint64_t> before;
    for (const auto& held : context_.held.all())
        before.emplace(held.shard, held.epoch);
    std::size_t taken = 0;
    std::size_t lost = 0;
    std::string holder;
    std::string failure;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto& answer = answers.at(i);
        const auto known = before.find(asked[i]);
        if (!answer.failure.empty()) {
            failure = answer.failure;
        } else if (answer.epoch) {
            taken += known == before.end() || known->second != *answer.epoch ? 1 : 0;
            context_.held.hold({asked[i], *answer.epoch}, until);
        } else {
            lost += known != before.end() ? 1 : 0;
            holder = answer.holder;
            context_.held.drop(asked[i]);
        }
    }
    context_.metrics.leases_taken.add(static_cast<double>(taken));
    context_.metrics.leases_lost.add(static_cast<double>(lost));
    if (lost > 0)
        log_event(context_.log,
                  LogLevel::warn,
                  "leases.lost",
                  kv("shards", lost),
                  kv("shards_held", context_.held.size()),
                  kv("detail", "taken by " + holder));
    if (taken > 0)
        log_event(context_.log,
                  LogLevel::info,
                  "leases.taken",
                  kv("shards", taken),
                  kv("shards_held", context_.held.size()));
    return failure;
}

Task<> Fleet::leave() {
    share_.clear();
    co_await give_back();
    if (written_) co_await forget_coordinator(context_.redis, identity_.name);
    written_ = false;
}

}  // namespace quorate::coordinator

#include "platform/fleet/fleet.hpp"

#include <algorithm>
#include <exception>
#include <map>
#include <utility>

#include "core/schedule/rendezvous.hpp"
#include "platform/redis/instance.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/within.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate {
namespace {

constexpr const char* kNameInUse = "name_in_use";

std::string name_taken_text(const std::string& name) {
    return "another living process is called " + name;
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

std::string member_name_problem(const std::string& name) {
    if (name.empty() || wire::is_name(name)) return {};
    return std::string{"must be "} + wire::kNameRule + ", is \"" + name + "\"";
}

std::string default_name(const std::string& host, std::uint16_t port, std::string_view otherwise) {
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
    return (name.empty() ? std::string{otherwise} : name) + suffix;
}

std::set<ShardId> share_of(const std::string& name,
                           const std::vector<std::string>& members,
                           std::uint32_t shards) {
    const auto owners = owners_of_shards(shards, members);
    std::set<ShardId> share;
    for (std::uint32_t shard = 0; shard < shards; ++shard)
        if (owners[shard] == name) share.emplace(shard);
    return share;
}

Fleet::Fleet(FleetContext context, FleetMember member)
    : context_{std::move(context)},
      member_{std::move(member)},
      instance_{random_instance()},
      leases_{context_.redis, member_.work, member_.name + "#" + instance_} {}

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
    const bool all_ours = complete_ && written_ && of_looking.empty();
    if (all_ours && context_.hooks.complete) context_.hooks.complete();
    co_return !of_looking.empty() ? of_looking : !of_giving.empty() ? of_giving : of_taking;
}

Task<> Fleet::look() {
    const auto asked_at = context_.clock.utc_now();
    const auto asked = context_.clock.steady_now();
    const auto view = co_await tell(own_beat());
    const auto round_trip =
        std::chrono::duration_cast<microseconds>(context_.clock.steady_now() - asked);
    if (view.name_taken) {
        share_.clear();
    } else {
        if (context_.hooks.seen) context_.hooks.seen(view, asked_at);
        share_ = share_of(member_.name, context_.hooks.members(view), member_.shards);
    }
    if (context_.hooks.clock_measured)
        context_.hooks.clock_measured({view.at - (asked_at + round_trip / 2), round_trip});
    const auto alive =
        std::ranges::count_if(view.beats, [&view](const auto& beat) { return view.alive(beat); });
    context_.metrics.members_alive.set(static_cast<double>(alive));
}

Task<> Fleet::announce_current() {
    auto own = own_beat();
    own.current = true;
    const auto view = co_await tell(std::move(own));
    if (view.name_taken) throw RedisUnavailable{name_taken_text(member_.name)};
}

Task<PeersView> Fleet::tell(PeerBeat own) {
    auto view = co_await beat(context_.redis, member_.work, std::move(own), instance_);
    written_ = !view.name_taken;
    show_name_taken(view.name_taken);
    co_return view;
}

PeerBeat Fleet::own_beat() const {
    PeerBeat beat;
    beat.name = member_.name;
    beat.version = member_.version;
    beat.shards = static_cast<std::uint32_t>(context_.held.size());
    context_.hooks.complete_beat(beat);
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
    if (now - *name_taken_since_ < 2 * kPeerAliveFor) return;
    if (context_.readiness.set(kNameInUse))
        log_event(context_.log,
                  LogLevel::warn,
                  "readiness.lost",
                  kv("reason", kNameInUse),
                  kv("detail", name_taken_text(member_.name)));
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

/// They are not worked on from here on; what is under way to Redis comes before the release.
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
    const auto until = context_.clock.steady_now() + member_.lease - member_.margin;
    complete_ = false;
    auto wanted = shards;
    auto above = context_.held.above();
    const auto answers = co_await leases_.hold(std::move(wanted), member_.lease, std::move(above));
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
    if (written_) co_await forget_peer(context_.redis, member_.work, member_.name);
    written_ = false;
}

Task<> Fleet::leave_by(SteadyTime deadline) {
    if (!context_.redis.reachable()) co_return;
    auto farewell = leave();
    std::string trouble;
    try {
        const bool left = co_await done_within(deadline, std::move(farewell));
        if (!left) trouble = "Redis does not answer";
    } catch (const std::exception& error) {
        trouble = error.what();
    }
    if (!trouble.empty())
        log_event(context_.log, LogLevel::warn, "leases.kept", kv("detail", trouble));
}

}  // namespace quorate

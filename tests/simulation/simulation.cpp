#include "tests/simulation/simulation.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/sha256.hpp"
#include "core/model/http_url.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/redis/keys.hpp"
#include "platform/wire/cell_codec.hpp"
#include "platform/wire/job_codec.hpp"
#include "tests/simulation/breaks.hpp"
#include "tests/simulation/virtual_time.hpp"

namespace quorate::simulation {
namespace {

constexpr std::chrono::seconds kWindow{5};
constexpr std::int64_t kWindowsBefore = 3;  // for daemons to start
constexpr milliseconds kTimeout{1000};
constexpr milliseconds kSlo{500};
constexpr std::size_t kFaultsLeast = 5;
constexpr std::size_t kFaultsMost = 10;
/// So long after Redis forgot something jobs are acknowledged whose cells it had.
constexpr std::chrono::seconds kForgotten{20};
constexpr std::size_t kOrderBytes = 6;  // of an encoded cell

const std::vector<std::string> kRegionNames{"ap-south", "eu-west", "sa-east", "us-east", "us-west"};

Window window() {
    return *Window::of(kWindow);
}

}  // namespace

Simulation::Simulation(SimulationOptions options)
    : options_{std::move(options)},
      world_{options_.seed},
      redis_{world_},
      postgres_{world_},
      ground_{world_,
              redis_,
              postgres_,
              archive_,
              catalogue_,
              targets_,
              window(),
              kShards,
              [this](const ShardEpochs& held, const std::set<ShardId>& shards) {
                  check_fenced(world_, archive_, held, shards);
              },
              options_.disks,
              options_.broken} {
    world_.set_tells(options_.tells);
    first_minute_ =
        UtcMinute::containing(world_.utc_now(), window()).plus(kWindowsBefore, window());
    trouble_ends_ = first_minute_.plus(kWindows, window()).start();
    calm_ends_ = first_minute_.plus(kWindows + kCalmWindows, window()).start();
    std::filesystem::remove_all(options_.disks);
    std::filesystem::create_directories(options_.disks);
    break_stores(ground_);
    make_catalogue();
    make_troubles();
    make_places();
    plan_faults();
    watch_acknowledgements();
}

Simulation::~Simulation() {
    places_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(options_.disks, ignored);
}

void Simulation::make_catalogue() {
    std::uint64_t id = 1;
    for (const auto& name : kRegionNames) {
        catalogue_.regions.push_back({RegionId{id}, name});
        archive_.regions.emplace(RegionId{id}, name);
        ++id;
    }
    catalogue_.update.generation = 1;
    std::map<ShardId, std::uint32_t> slots;
    for (std::uint64_t number = 1; number <= kEndpoints; ++number) {
        coordinator::EndpointVersion version;
        version.endpoint = EndpointId{number};
        version.spec.name = "e" + std::to_string(number);
        version.spec.url = Targets::url_of(version.endpoint);
        version.spec.timeout = kTimeout;
        version.spec.latency_slo = kSlo;
        version.spec.p1_quorum = number % 5 == 0 ? P1Quorum::majority : P1Quorum::two;
        const auto hash = stable_hash(full_name(version.spec));
        version.shard = ShardId{(number - 1) % kShards};
        version.cell_slot = slots[version.shard]++;
        version.version = 1;
        version.valid_from = first_minute_;
        version.interval = number % 10 == 9 ? 2 * window().length() : window().length();
        const std::size_t regions = number % 7 == 0 ? 3 : number % 11 == 0 ? 2 : kRegions;
        for (std::size_t i = 0; i < regions; ++i)
            version.regions.push_back(catalogue_.regions[i].id);

        EndpointVersion sealed;
        sealed.endpoint = version.endpoint;
        sealed.shard = version.shard;
        sealed.cell_slot = version.cell_slot;
        sealed.tenant = version.spec.tenant;
        sealed.name = version.spec.name;
        sealed.valid_from = version.valid_from;
        sealed.regions = version.regions;
        sealed.interval = version.interval;
        sealed.p1_quorum = version.spec.p1_quorum;
        sealed.hash = hash;
        sealed.host = stable_hash("host-" + std::to_string(number % 6));
        archive_.versions.push_back(std::move(sealed));
        catalogue_.update.endpoints.push_back(version.endpoint);
        catalogue_.update.versions.push_back(std::move(version));
    }
}

/// About every second server is sick now and then, of the regions one is cut off from many.
void Simulation::make_troubles() {
    auto& chance = world_.chance();
    const auto some_time = [&](std::int64_t windows_most) {
        Trouble trouble;
        const auto begins = chance.between(std::int64_t{1}, kWindows - 2);
        const auto lasts = chance.between(std::int64_t{1}, windows_most);
        trouble.from = first_minute_.plus(begins, window()).start() +
                       chance.between(milliseconds{0}, window().length());
        trouble.until = std::min<UtcTime>(trouble_ends_, trouble.from + lasts * window().length());
        return trouble;
    };
    for (const auto& version : archive_.versions) {
        if (chance.one_in(2)) continue;
        for (auto count = chance.between(std::int64_t{1}, 3); count > 0; --count) {
            auto trouble = some_time(12);
            trouble.health = chance.of(std::vector{Health::slow, Health::refuses, Health::hangs});
            if (chance.one_in(2))
                for (const auto region : version.regions)
                    if (chance.one_in(3)) trouble.regions.push_back(region);
            targets_.trouble(version.endpoint, std::move(trouble));
        }
    }
    if (!chance.one_in(3)) return;
    auto fault = some_time(6);
    fault.regions.push_back(chance.of(catalogue_.regions).id);
    for (const auto& version : archive_.versions)
        if (!chance.one_in(4)) targets_.trouble(version.endpoint, fault);
}

void Simulation::make_places() {
    const auto add = [this](Place::Kind kind, std::string name, RegionId region) {
        auto place = std::make_unique<Place>(world_, kind, std::move(name));
        place->region = region;
        place->host.clock.set_error(microseconds{world_.chance().between(-40'000, 40'000)});
        places_.push_back(std::move(place));
    };
    for (const auto* name : {"coordinator-1", "coordinator-2"})
        add(Place::Kind::coordinator, name, RegionId{0});
    for (const auto* name : {"archiver-1", "archiver-2"})
        add(Place::Kind::archiver, name, RegionId{0});
    for (const auto& region : catalogue_.regions)
        for (int i = 0; i < 1 + static_cast<int>(world_.chance().below(2)); ++i)
            add(Place::Kind::agent, region.name + "-" + std::to_string(i + 1), region.id);
    for (const auto& place : places_)
        world_.in(world_.chance().between(milliseconds{0}, milliseconds{500}),
                  [this, at = place.get()] { start(*at); });
}

std::vector<Place*> Simulation::places(Place::Kind kind) {
    std::vector<Place*> found;
    for (const auto& place : places_)
        if (place->kind == kind) found.push_back(place.get());
    return found;
}

void Simulation::start(Place& place) {
    if (place.life) return;
    world_.tell("start " + place.host.name);
    switch (place.kind) {
        case Place::Kind::coordinator:
            place.life = start_coordinator(ground_, place.host);
            break;
        case Place::Kind::archiver:
            place.life = start_archiver(ground_, place.host);
            break;
        case Place::Kind::agent:
            place.life = start_agent(ground_, place.host, place.region, place.host.name);
            break;
    }
}

void Simulation::plan_faults() {
    auto& chance = world_.chance();
    const auto count = chance.between(static_cast<std::int64_t>(kFaultsLeast),
                                      static_cast<std::int64_t>(kFaultsMost));
    const auto length = std::chrono::floor<milliseconds>(trouble_ends_ - world_.utc_now());
    for (std::int64_t i = 0; i < count; ++i) {
        const auto fault = kFaultNames[chance.below(kFaultNames.size())].value;
        world_.in(chance.between(milliseconds{10'000}, length - milliseconds{30'000}),
                  [this, fault] {
                      if (begin_fault(*this, fault)) ++faults_[fault];
                  });
    }
}

void Simulation::watch_acknowledgements() {
    redis_.redis().on_acknowledge = [this](const RedisArgs& command) { see_acknowledged(command); };
}

/// A job leaves the queue only when its cell is recorded, and what is recorded only gets better.
void Simulation::see_acknowledged(const RedisArgs& command) {
    if (redis_forgot_at_ && world_.utc_now() - *redis_forgot_at_ < kForgotten) return;
    auto& redis = redis_.redis();
    const auto* stream = redis.stream_at(command.at(1));
    for (std::size_t i = 3; stream != nullptr && i < command.size(); ++i) {
        const auto dash = command[i].find('-');
        const auto entry = stream->entries.find(
            {std::stoull(command[i].substr(0, dash)), std::stoull(command[i].substr(dash + 1))});
        if (entry == stream->entries.end() || entry->second.size() < 2) continue;
        // One that an agent which stands aside has put back, as it is, for another.
        const auto same = [&](const auto& later) { return later.second == entry->second; };
        if (std::any_of(std::next(entry), stream->entries.end(), same)) continue;
        const auto job = wire::decode_job(entry->second[1]);
        if (!job) continue;
        const auto* version = archive_.version_of(job->key.endpoint);
        const auto* sealed = redis.text_at(keys::sealed(version->shard));
        if (sealed != nullptr && integer_of(*sealed) >= job->key.minute.epoch_ms()) continue;
        const auto* cells = redis.text_at(keys::cells(version->shard,
                                                      job->key.region,
                                                      job->key.minute,
                                                      version->cell_slot / keys::kBlockSlots));
        const auto at = version->cell_slot % keys::kBlockSlots * wire::kCellBytes;
        const bool is_there = cells != nullptr && at < cells->size() && (*cells)[at] != '\0';
        const auto cell = is_there
                              ? wire::decode_cell(job->key, cells->substr(at, wire::kCellBytes), {})
                              : wire::DecodeError{"there is none"};
        const auto what = "endpoint " + std::to_string(job->key.endpoint.value()) + " region " +
                          std::to_string(job->key.region.value()) + " minute " +
                          to_rfc3339(job->key.minute);
        if (!cell) {
            world_.violated("acknowledged jobs have cells", what + ": " + cell.error().text);
            continue;
        }
        // Of two cells the one with the smaller first bytes is the better one.
        const auto order = cells->substr(at, kOrderBytes);
        const auto [best, is_new] = recorded_.emplace(job->key, RecordedCell{cell->verdict, order});
        if (!is_new && order > best->second.order)
            world_.violated("cells only get better", what + " went back");
        best->second.verdict = std::max(best->second.verdict, cell->verdict);
        best->second.order = std::min(best->second.order, order);
    }
}

Outcome Simulation::run() {
    world_.run_until(SteadyTime{calm_ends_ + std::chrono::seconds{20} - virtual_time::kEpoch});
    Outcome outcome;
    for (const auto& place : places_)
        if (place->life && !place->life->process().broken().empty())
            world_.violated("daemons go on",
                            place->host.name + " ended: " + place->life->process().broken());
    const Checked checked{world_,
                          archive_,
                          targets_,
                          window(),
                          first_minute_,
                          trouble_ends_,
                          calm_ends_,
                          recorded_,
                          redis_forgot_at_};
    check_everything(checked);
    outcome.violations = world_.violations();
    outcome.faults = faults_;
    outcome.minutes = archive_.minutes().size();
    outcome.looks = targets_.look_count();
    for (const auto& [endpoint, timeline] : archive_.timelines())
        for (const auto& entry : timeline)
            if (entry.transition.kind == TransitionKind::opened) ++outcome.incidents;
    for (const auto& [key, minute] : archive_.minutes())
        for (const auto& cell : minute.cells) {
            std::string name{name_of(cell.verdict)};
            if (cell.verdict == Verdict::unknown && cell.reason)
                name += "(" + std::string{name_of(*cell.reason)} + ")";
            ++outcome.cells[name];
            world_.trace().add(name);
        }
    outcome.trace = world_.trace().hash();
    return outcome;
}

}  // namespace quorate::simulation

#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/time/utc_minute.hpp"
#include "tests/simulation/faults.hpp"
#include "tests/simulation/invariants.hpp"
#include "tests/simulation/nodes.hpp"

namespace quorate::simulation {

struct SimulationOptions {
    std::uint64_t seed = 1;
    Break broken = Break::none;
    bool tells = false;           ///< what happens, on stderr
    std::filesystem::path disks;  ///< of hosts; made where it is missing, emptied before
};

/// What came of one seed.
struct Outcome {
    std::vector<std::string> violations;
    std::uint64_t trace = 0;  ///< two runs that differ anywhere have different ones
    FaultCounts faults;
    std::uint64_t incidents = 0;  ///< opened
    std::uint64_t minutes = 0;    ///< endpoint-minutes stored
    std::uint64_t looks = 0;
    std::map<std::string, std::uint64_t> cells;  ///< by verdict, of UNKNOWN by reason
};

/// A place where one daemon runs, one life after the other.
struct Place {
    enum class Kind : std::uint8_t { coordinator, archiver, agent };
    Place(World& world, Kind kind_, std::string name) : kind{kind_}, host{world, std::move(name)} {}

    Kind kind;
    Host host;
    RegionId region{0};  ///< of an agent
    std::unique_ptr<Life> life;
};

/// One seed: servers and their troubles, daemons and what goes wrong with them, and afterwards
/// whether everything is as it has to be.
class Simulation {
public:
    static constexpr std::size_t kRegions = 5;
    static constexpr std::size_t kEndpoints = 20;
    static constexpr std::uint32_t kShards = 4;
    static constexpr std::int64_t kWindows = 60;      ///< in which something goes wrong
    static constexpr std::int64_t kCalmWindows = 16;  ///< afterwards

    explicit Simulation(SimulationOptions options);
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    Outcome run();

    // For faults.
    World& world() { return world_; }
    RedisServer& redis() { return redis_; }
    PostgresServer& postgres() { return postgres_; }
    std::vector<std::unique_ptr<Place>>& places() { return places_; }
    std::vector<Place*> places(Place::Kind kind);
    Ground& ground() { return ground_; }
    void start(Place& place);
    /// Everything is well again by then.
    UtcTime healed_by() const { return trouble_ends_; }
    /// Redis forgot something: what it had is not to be asked for.
    void redis_forgot() { redis_forgot_at_ = world_.utc_now(); }
    std::optional<UtcTime> redis_forgot_at() const { return redis_forgot_at_; }

private:
    void make_catalogue();
    void make_troubles();
    void make_places();
    void plan_faults();
    void watch_acknowledgements();
    void see_acknowledged(const RedisArgs& command);

    SimulationOptions options_;
    World world_;
    RedisServer redis_;
    PostgresServer postgres_;
    ModelArchive archive_;
    coordinator::CatalogueAnswer catalogue_;
    Targets targets_;
    UtcMinute first_minute_;
    UtcTime trouble_ends_;
    UtcTime calm_ends_;
    std::optional<UtcTime> redis_forgot_at_;
    std::map<CellKey, RecordedCell> recorded_;
    FaultCounts faults_;
    Ground ground_;
    std::vector<std::unique_ptr<Place>> places_;
};

}  // namespace quorate::simulation

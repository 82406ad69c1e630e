#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/time/utc_minute.hpp"
#include "platform/redis/client.hpp"
#include "tests/simulation/archive_client.hpp"
#include "tests/simulation/host.hpp"
#include "tests/simulation/redis_server.hpp"
#include "tests/simulation/targets.hpp"

namespace quorate::simulation {

/// Safeguards that can be taken out, to see that what checks the runs would find it.
enum class Break : std::uint8_t {
    none,
    ack_before_write,   ///< jobs are acknowledged as they are read
    no_fencing,         ///< the archive takes commits under any lease
    watermark_outside,  ///< how far minutes are sealed is committed before them
    unknown_as_fail,    ///< cells that did not come are read as FAIL
    merge_overwrites,   ///< of two cells of a key the last one stays
};

/// What the processes of a run share.
struct Ground {
    World& world;
    RedisServer& redis;
    PostgresServer& postgres;
    ModelArchive& archive;
    coordinator::CatalogueAnswer& catalogue;
    Targets& targets;
    Window window;
    std::uint32_t shards = 0;
    SeeCommit see_commit;
    std::filesystem::path disks;  ///< a folder for each host's
    Break broken = Break::none;
};

/// One life of a daemon.
class Life {
public:
    Life() = default;
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;
    virtual ~Life() = default;
    virtual Process& process() = 0;
};

std::unique_ptr<Life> start_coordinator(Ground& ground, Host& host);
std::unique_ptr<Life> start_archiver(Ground& ground, Host& host);
std::unique_ptr<Life> start_agent(Ground& ground, Host& host, RegionId region, std::string name);

}  // namespace quorate::simulation

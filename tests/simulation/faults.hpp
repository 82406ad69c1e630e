#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/base/enum_names.hpp"

namespace quorate::simulation {

class Simulation;

/// What goes wrong, for a time or for good.
enum class Fault : std::uint8_t {
    agent_crash,
    agent_pause,
    archiver_crash,
    archiver_pause,
    coordinator_crash,
    coordinator_pause,
    redis_partition,
    redis_stall,
    redis_restart,
    redis_last_second_lost,
    redis_all_lost,
    lease_lost,
    answers_lost,
    late_delivery,
    job_doubled,
    postgres_partition,
    postgres_down,
    postgres_answers_lost,
    postgres_read_only,
    slow_disk,
    clock_jump,
    redis_clock_jump,
};

inline constexpr std::array kFaultNames{
    EnumName<Fault>{Fault::agent_crash, "agent_crash"},
    EnumName<Fault>{Fault::agent_pause, "agent_pause"},
    EnumName<Fault>{Fault::archiver_crash, "archiver_crash"},
    EnumName<Fault>{Fault::archiver_pause, "archiver_pause"},
    EnumName<Fault>{Fault::coordinator_crash, "coordinator_crash"},
    EnumName<Fault>{Fault::coordinator_pause, "coordinator_pause"},
    EnumName<Fault>{Fault::redis_partition, "redis_partition"},
    EnumName<Fault>{Fault::redis_stall, "redis_stall"},
    EnumName<Fault>{Fault::redis_restart, "redis_restart"},
    EnumName<Fault>{Fault::redis_last_second_lost, "redis_last_second_lost"},
    EnumName<Fault>{Fault::redis_all_lost, "redis_all_lost"},
    EnumName<Fault>{Fault::lease_lost, "lease_lost"},
    EnumName<Fault>{Fault::answers_lost, "answers_lost"},
    EnumName<Fault>{Fault::late_delivery, "late_delivery"},
    EnumName<Fault>{Fault::job_doubled, "job_doubled"},
    EnumName<Fault>{Fault::postgres_partition, "postgres_partition"},
    EnumName<Fault>{Fault::postgres_down, "postgres_down"},
    EnumName<Fault>{Fault::postgres_answers_lost, "postgres_answers_lost"},
    EnumName<Fault>{Fault::postgres_read_only, "postgres_read_only"},
    EnumName<Fault>{Fault::slow_disk, "slow_disk"},
    EnumName<Fault>{Fault::clock_jump, "clock_jump"},
    EnumName<Fault>{Fault::redis_clock_jump, "redis_clock_jump"},
};
constexpr std::string_view name_of(Fault fault) {
    return enum_name(kFaultNames, fault);
}

/// How often each took place.
using FaultCounts = std::map<Fault, std::uint64_t>;

/// Begins one now; its end is an event to come, at `healed_by` at the latest.
/// @return whether there was something to do it to
bool begin_fault(Simulation& simulation, Fault fault);

}  // namespace quorate::simulation

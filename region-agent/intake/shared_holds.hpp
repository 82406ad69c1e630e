#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "platform/redis/client.hpp"
#include "platform/redis/holds.hpp"
#include "platform/runtime/clock.hpp"
#include "region-agent/intake/job_runner.hpp"

namespace quorate::agent {

/// What servers asked one agent of the region holds for all of them, and over a restart: told and
/// read through Redis every second. While Redis is away each agent keeps to what it knows.
class SharedHolds {
public:
    static constexpr milliseconds kEvery{1000};
    /// So many wait to be told; the oldest goes, and holds here alone.
    static constexpr std::size_t kUntoldMax = 10'000;

    /// All must outlive it.
    SharedHolds(RedisClient& redis, JobRunner& runner, const Clock& clock, std::string region);

    /// Tells what is new here and takes in what is new elsewhere, as far as Redis lets it.
    Task<> exchange();
    /// `exchange` every kEvery, until cancelled.
    Task<> run();

private:
    void note(const Hold& hold);

    RedisClient* redis_;
    JobRunner* runner_;
    const Clock* clock_;
    std::string region_;
    std::vector<Hold> untold_;
    std::string last_;  // read so far
};

}  // namespace quorate::agent

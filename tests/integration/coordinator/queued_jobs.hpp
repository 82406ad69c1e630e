#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "platform/redis/keys.hpp"
#include "platform/wire/job_codec.hpp"
#include "tests/integration/redis/with_client.hpp"

namespace quorate::testing {

/// All jobs in the queues of these regions, in the order in which they were added.
inline std::vector<Job> queued_jobs(const RedisServer& server,
                                    const std::vector<std::string>& regions) {
    std::vector<Job> jobs;
    with_client(server, [&](RedisClient& client) -> Task<> {
        for (const auto& region : regions) {
            RedisArgs command{"XRANGE", keys::jobs(region), "-", "+"};
            const auto reply = co_await client.run(std::move(command));
            for (const auto& entry : reply.list()) {
                const auto& fields = entry.list().at(1).list();
                auto job = wire::decode_job(fields.at(1).text());
                if (!job) throw std::runtime_error{"a job that can't be read is in the queue"};
                jobs.push_back(std::move(*job));
            }
        }
    });
    return jobs;
}

/// How often each cell was asked for.
inline std::map<CellKey, int> count_by_cell(const std::vector<Job>& jobs) {
    std::map<CellKey, int> counts;
    for (const auto& job : jobs)
        ++counts[job.key];
    return counts;
}

}  // namespace quorate::testing

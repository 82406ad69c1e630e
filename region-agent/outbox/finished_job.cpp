#include "region-agent/outbox/finished_job.hpp"

#include "quorate/v1/spool.pb.h"

namespace quorate::agent {

std::string encode_finished(const FinishedJob& job) {
    v1::SpooledJob message;
    message.set_entry(job.entry);
    if (job.cell) {
        auto& cell = *message.mutable_cell();
        cell.set_shard(static_cast<std::uint32_t>(job.cell->shard.value()));
        cell.set_endpoint_id(job.cell->key.endpoint.value());
        cell.set_region_id(static_cast<std::uint32_t>(job.cell->key.region.value()));
        cell.set_minute_ms(job.cell->key.minute.epoch_ms());
        cell.set_expected_cells(job.cell->expected_cells);
        cell.set_encoded(job.cell->encoded);
    }
    return message.SerializeAsString();
}

std::optional<FinishedJob> decode_finished(std::string_view bytes) {
    v1::SpooledJob message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
    FinishedJob job{message.entry(), std::nullopt};
    if (message.has_cell()) {
        const auto& cell = message.cell();
        const CellKey key{EndpointId{cell.endpoint_id()},
                          RegionId{cell.region_id()},
                          UtcMinute::from_epoch_ms(cell.minute_ms())};
        job.cell = CellToRecord{ShardId{cell.shard()}, key, cell.expected_cells(), cell.encoded()};
    }
    return job;
}

}  // namespace quorate::agent

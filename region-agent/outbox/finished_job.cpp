#include "region-agent/outbox/finished_job.hpp"

#include "platform/wire/cell_record.hpp"

#include "quorate/v1/spool.pb.h"

namespace quorate::agent {

std::string encode_finished(const FinishedJob& job) {
    v1::SpooledJob message;
    message.set_entry(job.entry);
    if (job.cell) message.set_record(wire::encode_record(*job.cell));
    return message.SerializeAsString();
}

std::optional<FinishedJob> decode_finished(std::string_view bytes) {
    v1::SpooledJob message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
    FinishedJob job{message.entry(), std::nullopt};
    if (!message.record().empty()) {
        auto record = wire::decode_record(message.record());
        if (!record) return std::nullopt;
        job.cell = *std::move(record);
    }
    return job;
}

}  // namespace quorate::agent

#include "core/model/job.hpp"

#include "core/base/sha256.hpp"

namespace quorate {

std::string job_id(const CellKey& key, std::string_view region) {
    return std::to_string(key.minute.epoch_ms()) + ":" + std::to_string(key.endpoint.value()) +
           ":" + std::string{region};
}

std::string trace_id_of(std::string_view job_id) {
    constexpr std::size_t kDigits = 32;  // as W3C trace context has it: 16 bytes
    return to_hex(sha256(job_id)).substr(0, kDigits);
}

std::string credential_binding(const Job& job) {
    std::string all = "quorate job 1\n";
    const auto add = [&all](std::string_view text) {
        all.append(std::to_string(text.size())).append(":").append(text).append("\n");
    };
    add(std::to_string(job.key.endpoint.value()));
    add(job.tenant);
    add(job.name);
    add(job.url);
    add(job.canary ? job.canary->tool : "");
    add(job.canary ? job.canary->arguments_json : "");
    return all;
}

}  // namespace quorate

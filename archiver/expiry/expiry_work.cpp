#include "archiver/expiry/expiry_work.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quorate {
namespace {

struct Change {
    std::string what;
    std::string endpoint;  ///< tenant/name
    std::uint64_t endpoint_id = 0;
    std::string detail;
};

const char* event_of(const Change& change) {
    if (change.what == "closed") return "notice.closed";
    return "notice.opened";
}

std::vector<Change> settle(pqxx::work& work, UtcTime now) {
    std::vector<Change> changes;
    for (const auto& row : work.exec_params(
             "SELECT c.change, c.tenant || '/' || c.endpoint, c.detail, (SELECT max(e.id) FROM"
             " quorate.endpoint e WHERE e.tenant = c.tenant AND e.name = c.endpoint)"
             " FROM quorate.settle_credential_expiry($1) c",
             to_rfc3339(now)))
        changes.push_back({row[0].as<std::string>(),
                           row[1].as<std::string>(),
                           row[3].as<std::uint64_t>(0),
                           row[2].as<std::string>()});
    return changes;
}

}  // namespace

Task<> ExpiryWork::step() {
    const auto now = clock_.steady_now();
    if (now < due_) co_return;
    due_ = now + kEvery;  // also where it fails
    auto transaction = [utc_now = clock_.utc_now()](pqxx::work& work) {
        return settle(work, utc_now);
    };
    const auto changes = co_await database_.transact(std::move(transaction));
    for (const auto& change : changes)
        log_event(log_,
                  LogLevel::info,
                  event_of(change),
                  kv("endpoint", change.endpoint),
                  kv("endpoint_id", change.endpoint_id),
                  kv("notice", "credential_expiry"),
                  kv("detail", change.detail));
}

}  // namespace quorate

#include "coordinator/audit/audit.hpp"

#include <optional>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/base/sha256.hpp"
#include "core/base/text.hpp"

namespace quorate::coordinator {
namespace {

namespace json = boost::json;

/// Over the names and texts of one side, each ended by a NUL, which no text has; nothing where that
/// side has none.
std::optional<std::string> hash_of(const std::vector<AuditChange>& changes,
                                   std::string AuditChange::*side) {
    std::string all;
    for (const auto& change : changes) {
        if ((change.*side).empty()) continue;
        all += change.target + '\0' + change.*side + '\0';
    }
    if (all.empty()) return std::nullopt;
    return to_hex(sha256(all));
}

}  // namespace

std::int64_t write_audit(pqxx::work& work, const Actor& actor, const AuditEntry& entry) {
    json::array kept;
    std::size_t bytes = 0;
    for (const auto& change : entry.changes) {
        bytes += change.target.size() + change.before.size() + change.after.size();
        if (bytes > kAuditBytesMax) break;
        kept.push_back(json::object{
            {"target", change.target}, {"before", change.before}, {"after", change.after}});
    }
    const auto bounded = [](const std::string& text) { return safe_text(text, kReasonMax); };
    const json::array tenants(entry.tenants.begin(), entry.tenants.end());
    const auto row = work.exec_params1(
        "INSERT INTO quorate.audit (principal, credential, reason, method, target, tenants, "
        "outcome,"
        " detail, before_sha256, after_sha256, changes, changes_left_out, receipt, peer)"
        " VALUES ($1, $2, $3, $4, $5, ARRAY(SELECT jsonb_array_elements_text($6::jsonb)), $7, $8,"
        " $9, $10, $11::jsonb, $12, $13::jsonb, $14) RETURNING id",
        bounded(actor.principal),
        bounded(actor.credential),
        bounded(actor.reason),
        entry.method,
        bounded(entry.target),
        json::serialize(tenants),
        entry.outcome,
        bounded(entry.detail),
        hash_of(entry.changes, &AuditChange::before),
        hash_of(entry.changes, &AuditChange::after),
        json::serialize(kept),
        static_cast<std::int64_t>(entry.changes.size() - kept.size()),
        entry.receipt,
        bounded(entry.peer));
    return row[0].as<std::int64_t>();
}

}  // namespace quorate::coordinator

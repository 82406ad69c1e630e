#include "coordinator/audit/audit.hpp"

#include <algorithm>
#include <array>
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

/// Calls of several transactions: what a first one did must not keep a second call from doing the
/// rest. Repeated, they change nothing that was done. And one that changes nothing.
constexpr std::array<std::string_view, 6> kRepeatable{
    "AddRegion", "RemoveRegion", "CordonAgent", "UncordonAgent", "RotateSecrets", "RunNow"};

const std::string kKeyColumns =
    "k.call, k.method, k.request, to_char(k.at AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";

bool bears_key(const Actor& actor, const std::string& method) {
    return !actor.once.key.empty() && std::ranges::count(kRepeatable, method) == 0;
}

/// The key is another call's.
void tell(const pqxx::row& row, const Actor& actor, const std::string& method) {
    const auto before = row[1].as<std::string>();
    const auto at = row[3].as<std::string>();
    if (before != method || row[2].as<std::string>() != actor.once.request)
        throw KeyReused{"this idempotency key was used at " + at + " for " +
                        (before == method ? "another " : "") + before +
                        ": nothing was done; take another key"};
    throw DoneBefore{before + " was done with this idempotency key at " + at +
                     ", and was not done again"};
}

/// A second call with the key waits here until the first has ended.
void remember_key(pqxx::work& work, const Actor& actor, const std::string& method) {
    if (!bears_key(actor, method)) return;
    work.exec_params0("DELETE FROM quorate.idempotency_key WHERE at < now() - $1 * interval '1 h'",
                      IdempotencyKey::kKeptFor.count());
    const auto found = work.exec_params1(
        "INSERT INTO quorate.idempotency_key AS k (credential, key, call, method, request)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (credential, key) DO UPDATE SET call = k.call"
        " RETURNING " +
            kKeyColumns,
        actor.credential,
        actor.once.key,
        actor.once.call,
        method,
        actor.once.request);
    if (found[0].as<std::string>() != actor.once.call) tell(found, actor, method);
}

}  // namespace

void require_not_done(pqxx::work& work, const Actor& actor, const std::string& method) {
    if (!bears_key(actor, method)) return;
    const auto found =
        work.exec_params("SELECT " + kKeyColumns +
                             " FROM quorate.idempotency_key k WHERE k.credential = $1"
                             " AND k.key = $2 AND k.at >= now() - $3 * interval '1 h'",
                         actor.credential,
                         actor.once.key,
                         IdempotencyKey::kKeptFor.count());
    if (!found.empty()) tell(found[0], actor, method);
}

std::int64_t write_audit(pqxx::work& work, const Actor& actor, const AuditEntry& entry) {
    remember_key(work, actor, entry.method);
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

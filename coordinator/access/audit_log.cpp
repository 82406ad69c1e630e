#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "coordinator/access/credentials.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"

namespace quorate::coordinator {
namespace {

std::string text_in(const boost::json::value& object, const char* key) {
    const auto& text = object.at(key).as_string();
    return {text.data(), text.size()};
}

void fill(v1::AuditEntry& out, const pqxx::row& row) {
    out.set_id(row[0].as<std::uint64_t>());
    out.set_at_us(row[1].as<std::int64_t>());
    out.set_principal(row[2].c_str());
    out.set_credential(row[3].c_str());
    out.set_method(row[4].c_str());
    out.set_target(row[5].c_str());
    const auto tenants = boost::json::parse(row[6].c_str());
    for (const auto& tenant : tenants.as_array())
        out.add_tenants(tenant.as_string().c_str());
    out.set_reason(row[7].c_str());
    out.set_outcome(row[8].c_str());
    out.set_detail(row[9].c_str());
    out.set_before_sha256(text_of(row[10]));
    out.set_after_sha256(text_of(row[11]));
    const auto changes = boost::json::parse(row[12].c_str());
    for (const auto& change : changes.as_array()) {
        auto& told = *out.add_changes();
        told.set_target(text_in(change, "target"));
        told.set_before(text_in(change, "before"));
        told.set_after(text_in(change, "after"));
    }
    out.set_changes_left_out(row[13].as<std::uint32_t>());
    out.set_receipt(row[14].c_str());
    out.set_peer(row[15].c_str());
}

}  // namespace

v1::ListAuditResponse list_audit(pqxx::work& work,
                                 const v1::ListAuditRequest& request,
                                 const Caller& caller) {
    // A row holds up to kAuditBytesMax of changes, so a page of them some 8 MiB.
    const auto most = request.with_changes() ? 32U : 1000U;
    const auto size = page_size(request.page_size(), std::min(100U, most), most);
    v1::ListAuditResponse out;
    for (const auto& row : work.exec_params(
             "SELECT id, " + sql::micros("at") +
                 ", principal, credential, method, target, to_jsonb(tenants), reason, outcome,"
                 " detail, before_sha256, after_sha256,"
                 " CASE WHEN $7 THEN changes ELSE '[]' END, changes_left_out, receipt, peer"
                 " FROM quorate.audit WHERE id < $1 AND ($2 = '' OR $2 = ANY (tenants))"
                 " AND ($3 = '' OR principal = $3) AND ($4 = '' OR method = $4)"
                 // A row about other tenants too shows what is theirs.
                 " AND ($5::text[] IS NULL OR tenants <> '{}' AND tenants <@ $5::text[])"
                 " ORDER BY id DESC LIMIT $6",
             id_after(request.page_token()),
             request.tenant(),
             request.principal(),
             request.method(),
             bound_to(caller),
             static_cast<std::int64_t>(size) + 1,
             request.with_changes())) {
        if (static_cast<std::uint32_t>(out.entries_size()) == size) {
            out.set_next_page_token(std::to_string(out.entries().rbegin()->id()));
            break;
        }
        fill(*out.add_entries(), row);
    }
    return out;
}

}  // namespace quorate::coordinator

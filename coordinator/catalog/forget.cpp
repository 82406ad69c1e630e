#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "coordinator/catalog/reports.hpp"
#include "core/base/sha256.hpp"
#include "platform/postgres/database.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {

v1::ForgetResponse forget(pqxx::work& work, const v1::ForgetRequest& request, const Actor& actor) {
    if (!wire::is_name(request.tenant())) throw BadRequest{"forget needs a tenant", "tenant"};
    if (!request.endpoint().empty() && !wire::is_name(request.endpoint()))
        throw BadRequest{"an endpoint is named NAME here, beside its tenant", "endpoint"};
    // Of a large tenant it takes minutes: all of it or nothing. As long as a caller may wait
    // (Calls).
    work.exec0("SET LOCAL statement_timeout = '1h'");
    // One at a time. And watchers see by it that they need not wait for this transaction.
    work.exec_params("SELECT pg_advisory_xact_lock($1)",
                     static_cast<std::int64_t>(AdvisoryLock::forget));
    v1::ForgetResponse out;
    boost::json::object counts;
    try {
        pqxx::subtransaction guarded{work};
        for (const auto& row :
             guarded.exec_params("SELECT from_table, deleted FROM quorate.forget($1, $2)",
                                 request.tenant(),
                                 request.endpoint())) {
            auto& rows = *out.add_rows();
            rows.set_table(row[0].as<std::string>());
            rows.set_rows(row[1].as<std::uint64_t>());
            counts[rows.table()] = rows.rows();
        }
        guarded.commit();
    } catch (const pqxx::sql_error& error) {
        std::string text = error.what();
        text = text.substr(0, text.find('\n'));
        if (error.sqlstate() == "55006") throw BadRequest{text};  // object_in_use
        if (error.sqlstate() == "P0002") throw NotFound{text};    // no_data_found
        throw;
    }
    const auto target =
        request.tenant() + (request.endpoint().empty() ? "" : "/" + request.endpoint());
    const auto receipt = boost::json::serialize(
        boost::json::object{{"target", target}, {"deleted", std::move(counts)}});
    out.set_receipt_sha256(to_hex(sha256(receipt)));
    AuditEntry entry{.method = "Forget", .target = target, .tenants = {request.tenant()}};
    entry.receipt = boost::json::serialize(
        boost::json::object{{"text", receipt}, {"sha256", out.receipt_sha256()}});
    out.set_audit_id(static_cast<std::uint64_t>(write_audit(work, actor, entry)));
    return out;
}

}  // namespace quorate::coordinator

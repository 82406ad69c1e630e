#include "archiver/store/notice_store.hpp"

#include <optional>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

/// The open notice of a kind; a store that lost it must not hold up all other endpoints.
using NoticeId = std::optional<std::uint64_t>;

NoticeId id_of(const pqxx::result& rows) {
    if (rows.empty()) return std::nullopt;
    return rows[0][0].as<std::uint64_t>();
}

NoticeId insert(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    return id_of(work.exec_params(
        "INSERT INTO quorate.notice (endpoint_id, tenant, endpoint, kind, regions, opened_at,"
        " changed_at, detail) VALUES ($1, $2, $3, $4, $5, $6, $6, $7)"
        " ON CONFLICT (endpoint_id, kind) WHERE closed_at IS NULL AND endpoint_id IS NOT NULL"
        " DO UPDATE SET regions = excluded.regions, changed_at = excluded.changed_at,"
        " detail = excluded.detail RETURNING id",
        version.endpoint.value(),
        version.tenant,
        version.name,
        std::string{name_of(notice.kind)},
        array_text(notice.regions),
        timestamp_text(notice.at),
        notice.detail));
}

NoticeId change(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    return id_of(
        work.exec_params("UPDATE quorate.notice SET regions = $3, changed_at = $4, detail = $5"
                         " WHERE endpoint_id = $1 AND kind = $2 AND closed_at IS NULL RETURNING id",
                         version.endpoint.value(),
                         std::string{name_of(notice.kind)},
                         array_text(notice.regions),
                         timestamp_text(notice.at),
                         notice.detail));
}

NoticeId close(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    return id_of(
        work.exec_params("UPDATE quorate.notice SET changed_at = $3, closed_at = $3"
                         " WHERE endpoint_id = $1 AND kind = $2 AND closed_at IS NULL RETURNING id",
                         version.endpoint.value(),
                         std::string{name_of(notice.kind)},
                         timestamp_text(notice.at)));
}

NoticeId find(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    return id_of(
        work.exec_params("SELECT id FROM quorate.notice WHERE endpoint_id = $1"
                         " AND kind = $2 AND closed_at IS NULL",
                         version.endpoint.value(),
                         std::string{name_of(notice.kind)}));
}

/// One that closed before, by when it did: others of its kind may have come and gone since.
NoticeId find_closed(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    return id_of(
        work.exec_params("SELECT id FROM quorate.notice WHERE endpoint_id = $1"
                         " AND kind = $2 AND closed_at = $3 ORDER BY id LIMIT 1",
                         version.endpoint.value(),
                         std::string{name_of(notice.kind)},
                         timestamp_text(notice.at)));
}

/// What is told afterwards has the sentence that the notice has by now.
NoticeChange with_detail(pqxx::work& work, NoticeChange notice, std::uint64_t id) {
    if (notice.is_of_now() || notice.change == NoticeChange::Kind::told_closed) return notice;
    notice.detail =
        work.exec_params1("SELECT coalesce(detail, '') FROM quorate.notice WHERE id = $1", id)[0]
            .as<std::string>();
    return notice;
}

/// For notifiers.
const char* word_of(NoticeChange::Kind kind) {
    switch (kind) {
        case NoticeChange::Kind::opened:
        case NoticeChange::Kind::told:
            return "opened";
        case NoticeChange::Kind::changed:
        case NoticeChange::Kind::told_worse:
            return "changed";
        case NoticeChange::Kind::closed:
        case NoticeChange::Kind::told_closed:
            return "closed";
    }
    return "";
}

NoticeId store(pqxx::work& work, const EndpointVersion& version, const NoticeChange& notice) {
    switch (notice.change) {
        case NoticeChange::Kind::opened:
            return insert(work, version, notice);
        case NoticeChange::Kind::changed:
            return change(work, version, notice);
        case NoticeChange::Kind::closed:
            return close(work, version, notice);
        case NoticeChange::Kind::told:
        case NoticeChange::Kind::told_worse:
            return find(work, version, notice);
        case NoticeChange::Kind::told_closed:
            return find_closed(work, version, notice);
    }
    return std::nullopt;
}

}  // namespace

void store_notices(pqxx::work& work,
                   const std::vector<NoticeChange>& notices,
                   const NoticeContext& context) {
    for (const auto& notice : notices) {
        const auto id = store(work, context.version, notice);
        if (!id || !notice.notify) continue;
        const auto* const word = word_of(notice.change);
        work.exec_params0(
            "INSERT INTO quorate.outbox (key, payload) VALUES ($1, $2)"
            " ON CONFLICT DO NOTHING",
            fmt::format("notice:{}:{}:{}", *id, context.minute.epoch_ms(), word),
            notice_payload(context, with_detail(work, notice, *id), *id, word));
    }
}

}  // namespace quorate

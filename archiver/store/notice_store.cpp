#include "archiver/store/notice_store.hpp"

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

std::string regions_text(const std::vector<RegionId>& regions) {
    std::string text;
    for (const auto region : regions)
        text += (text.empty() ? "" : ",") + std::to_string(region.value());
    return "{" + text + "}";
}

std::uint64_t insert(pqxx::work& work, const SealedRow& row, const NoticeChange& notice) {
    const auto& version = row.version;
    return work
        .exec_params1(
            "INSERT INTO quorate.notice (endpoint_id, tenant, endpoint, kind, regions, opened_at,"
            " changed_at, detail) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) RETURNING id",
            version.endpoint.value(),
            version.tenant,
            version.name,
            std::string{name_of(notice.kind)},
            regions_text(notice.regions),
            timestamp_text(notice.at),
            notice.detail)[0]
        .as<std::uint64_t>();
}

std::uint64_t change(pqxx::work& work, const SealedRow& row, const NoticeChange& notice) {
    return work
        .exec_params1(
            "UPDATE quorate.notice SET regions = $3, changed_at = $4, detail = $5"
            " WHERE endpoint_id = $1 AND kind = $2 AND closed_at IS NULL RETURNING id",
            row.version.endpoint.value(),
            std::string{name_of(notice.kind)},
            regions_text(notice.regions),
            timestamp_text(notice.at),
            notice.detail)[0]
        .as<std::uint64_t>();
}

std::uint64_t close(pqxx::work& work, const SealedRow& row, const NoticeChange& notice) {
    return work
        .exec_params1(
            "UPDATE quorate.notice SET changed_at = $3, closed_at = $3"
            " WHERE endpoint_id = $1 AND kind = $2 AND closed_at IS NULL RETURNING id",
            row.version.endpoint.value(),
            std::string{name_of(notice.kind)},
            timestamp_text(notice.at))[0]
        .as<std::uint64_t>();
}

const char* word_of(NoticeChange::Kind kind) {
    switch (kind) {
        case NoticeChange::Kind::opened:
            return "opened";
        case NoticeChange::Kind::changed:
            return "changed";
        case NoticeChange::Kind::closed:
            return "closed";
    }
    return "";
}

std::uint64_t store(pqxx::work& work, const SealedRow& row, const NoticeChange& notice) {
    switch (notice.change) {
        case NoticeChange::Kind::opened:
            return insert(work, row, notice);
        case NoticeChange::Kind::changed:
            return change(work, row, notice);
        case NoticeChange::Kind::closed:
            return close(work, row, notice);
    }
    return 0;
}

}  // namespace

void store_notices(pqxx::work& work, const SealedRow& row, const RegionNames& names) {
    for (const auto& notice : row.notices) {
        const auto id = store(work, row, notice);
        if (!notice.notify) continue;
        const auto* const word = word_of(notice.change);
        work.exec_params0("INSERT INTO quorate.outbox (key, payload) VALUES ($1, $2)",
                          fmt::format("notice:{}:{}:{}", id, row.minute.epoch_ms(), word),
                          notice_payload(row, notice, id, word, names));
    }
}

std::size_t close_notices_of_deleted(pqxx::work& work, UtcTime at) {
    return work
        .exec_params(
            "UPDATE quorate.notice n SET closed_at = $1, changed_at = $1"
            " FROM quorate.endpoint e WHERE n.closed_at IS NULL AND e.id = n.endpoint_id"
            " AND e.deleted_at IS NOT NULL",
            timestamp_text(at))
        .affected_rows();
}

}  // namespace quorate

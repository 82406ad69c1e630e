#include "archiver/store/manifest_store.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "archiver/store/sql_text.hpp"

namespace quorate {
namespace {

/// Hashes and their fronts are hexadecimal digits: nothing in them needs an escape.
std::string text_array(const auto& texts) {
    return fmt::format("{{{}}}", fmt::join(texts, ","));
}

/// Those that the plan's minutes name: others may be at hand, of minutes that have to wait.
void store_texts(pqxx::work& work, const SealPlan& plan) {
    for (const auto& full_hash : named_texts(plan))
        work.exec_params0(
            "INSERT INTO quorate.manifest (full_hash, content) VALUES ($1, $2)"
            " ON CONFLICT DO NOTHING",
            full_hash,
            plan.lists.to_store.at(full_hash));
}

std::string seen_json(const SealPlan& plan) {
    std::string seen;
    for (const auto& row : plan.rows)
        for (const auto& list : row.lists)
            seen += fmt::format(R"({}{{"e":{},"r":{},"s":"{}","f":"{}","n":{},"m":"{}","k":{}}})",
                                seen.empty() ? "" : ",",
                                row.version.endpoint.value(),
                                list.region.value(),
                                list.semantic_hash,
                                list.full_hash,
                                list.tool_count ? std::to_string(*list.tool_count) : "null",
                                timestamp_text(row.minute),
                                list.kind ? fmt::format("\"{}\"", name_of(*list.kind)) : "null");
    return seen;
}

}  // namespace

std::set<std::string> named_texts(const SealPlan& plan) {
    std::set<std::string> named;
    if (plan.lists.to_store.empty()) return named;
    for (const auto& row : plan.rows)
        for (const auto& list : row.lists)
            if (plan.lists.to_store.contains(list.full_hash)) named.insert(list.full_hash);
    return named;
}

std::set<std::string> stored_lists(pqxx::work& work, const std::set<std::string>& full_hashes) {
    std::set<std::string> stored;
    for (const auto& row : work.exec_params(
             "SELECT full_hash FROM quorate.manifest WHERE full_hash = ANY ($1::text[])",
             text_array(full_hashes)))
        stored.insert(row[0].as<std::string>());
    return stored;
}

std::vector<StoredList> load_lists(pqxx::work& work,
                                   const std::set<std::uint64_t>& fronts,
                                   std::size_t lists_max,
                                   std::size_t bytes_max) {
    std::vector<std::string> digits;
    for (const auto front : fronts)
        digits.push_back(fmt::format("{:016x}", front));
    std::vector<StoredList> lists;
    for (const auto& row : work.exec_params(
             "SELECT full_hash, content FROM ("
             " SELECT m.*, sum(octet_length(m.content)) OVER (ORDER BY m.full_hash) AS bytes"
             " FROM unnest($1::text[]) AS f(front)"
             " JOIN quorate.manifest m ON m.full_hash >= f.front AND m.full_hash < f.front || 'g'"
             " LIMIT $2) m WHERE bytes <= $3",
             text_array(digits),
             lists_max,
             bytes_max))
        lists.push_back({row[0].as<std::string>(), row[1].as<std::string>()});
    return lists;
}

void store_manifests(pqxx::work& work, SealPlan& plan) {
    plan.without_text.clear();
    const auto seen = seen_json(plan);
    if (seen.empty()) return;
    store_texts(work, plan);
    for (const auto& row :
         work.exec_params("SELECT quorate.see_manifests($1::json)", "[" + seen + "]"))
        plan.without_text.insert(row[0].as<std::string>());
}

}  // namespace quorate

#include "archiver/store/endpoint_rows.hpp"

#include <cstdint>

#include "archiver/store/sql_text.hpp"

namespace quorate {

std::set<EndpointId> hold_endpoints(pqxx::work& work, const std::set<EndpointId>& endpoints) {
    std::set<EndpointId> held;
    if (endpoints.empty()) return held;
    for (const auto& row :
         work.exec_params("SELECT quorate.hold_endpoints($1::integer[])", array_text(endpoints)))
        held.emplace(row[0].as<std::uint64_t>());
    return held;
}

std::set<EndpointId> hold_or_gone(pqxx::work& work, const std::set<EndpointId>& endpoints) {
    auto held = hold_endpoints(work, endpoints);
    std::set<EndpointId> others;
    for (const auto endpoint : endpoints)
        if (!held.contains(endpoint)) others.insert(endpoint);
    if (others.empty()) return held;
    const auto there = work.exec_params(
        "SELECT FROM quorate.endpoint WHERE id = ANY ($1::integer[]) LIMIT 1", array_text(others));
    if (!there.empty()) throw BeingForgotten{};
    return held;
}

std::string endpoint_name(pqxx::work& work, EndpointId endpoint) {
    const auto rows = work.exec_params(
        "SELECT tenant || '/' || name FROM quorate.endpoint WHERE id = $1", endpoint.value());
    return rows.empty() ? "" : rows[0][0].as<std::string>();
}

}  // namespace quorate

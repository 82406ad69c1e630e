#include "platform/postgres/enum_tables.hpp"

#include "core/decision/region_state.hpp"
#include "core/model/decision.hpp"
#include "core/model/phase.hpp"
#include "core/model/protocol.hpp"
#include "core/model/reason.hpp"
#include "core/model/verdict.hpp"
#include "core/model/warning.hpp"

namespace quorate::detail {
namespace {

template <class Table>
void append(std::vector<StoredEnumName>& rows, std::string_view kind, const Table& table) {
    for (const auto& row : table)
        rows.push_back({kind, static_cast<int>(row.value), row.name});
}

}  // namespace

std::vector<StoredEnumName> stored_enum_names() {
    std::vector<StoredEnumName> rows;
    append(rows, "verdict", kVerdictNames);
    append(rows, "reason", kReasonNames);
    append(rows, "phase", kPhaseNames);
    append(rows, "decision", kDecisionNames);
    append(rows, "scope", kScopeNames);
    append(rows, "severity", kSeverityNames);
    append(rows, "era", kEraNames);
    append(rows, "region_state", kRegionPhaseNames);
    append(rows, "warning", kWarningNames);
    return rows;
}

}  // namespace quorate::detail

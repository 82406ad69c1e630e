#pragma once

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"

namespace quorate {

/// Writes what became of the notices of an endpoint in one minute and, where it notifies, a row of
/// the outbox each, which says so where it is silenced. Throws as pqxx. Within the caller's
/// transaction.
void store_notices(pqxx::work& work,
                   const std::vector<NoticeChange>& notices,
                   const NoticeContext& context);

}  // namespace quorate

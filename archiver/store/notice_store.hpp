#pragma once

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"
#include "archiver/store/json.hpp"

namespace quorate {

/// Writes what became of the notices of one sealed minute and, where it notifies, a row of the
/// outbox each. Throws as pqxx. Within the caller's transaction.
void store_notices(pqxx::work& work, const SealedRow& row, const RegionNames& names);

/// Closes the notices of endpoints that were deleted. @return how many
std::size_t close_notices_of_deleted(pqxx::work& work, UtcTime at);

}  // namespace quorate

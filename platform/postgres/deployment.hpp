#pragma once

#include <cstdint>
#include <stdexcept>

#include <pqxx/pqxx>

#include "core/time/utc_minute.hpp"

namespace quorate {

/// This deployment was set up with another window or number of shards; `what()` is one line.
class DeploymentMismatch : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Writes down window and shards on the first start ever; afterwards throws DeploymentMismatch
/// where they differ. Within the caller's transaction. Throws as pqxx.
void settle_deployment(pqxx::work& work, Window window, std::uint32_t shards);

}  // namespace quorate

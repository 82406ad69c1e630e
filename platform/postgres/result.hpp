#pragma once

#include <memory>

#include <libpq-fe.h>

namespace quorate::detail {

struct ClearResult {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
/// What libpq answered.
using Result = std::unique_ptr<PGresult, ClearResult>;

}  // namespace quorate::detail

#pragma once

#include <string>

#include "tests/integration/probe/reason_row.hpp"

namespace quorate {

// Rows for what has to be provoked where it is made, by that part's own tests. They are looked up
// in the sources, so that a row can't claim what is not there: while nothing makes the reason, the
// row says so; once something does, some test must expect it.

ReasonRow elsewhere_row(Reason reason, std::string how);
WarningRow elsewhere_row(Warning warning, std::string how);

}  // namespace quorate

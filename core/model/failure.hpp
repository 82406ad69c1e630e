#pragma once

#include <string>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include "core/model/phase.hpp"
#include "core/model/reason.hpp"

namespace quorate {

/// Why one attempt ended early. A sick endpoint is our product, not our error: this is a value.
struct Failure {
    Phase phase;
    Reason reason;
    std::string detail;  ///< one human sentence; hostile text from the peer is already made safe
};

/// What a probe's step gives: its product or the Failure that decides the attempt. Test it before
/// `*`; `.value()` is not used in this codebase.
template <class T>
using Result = boost::system::result<T, Failure>;

/// Required by boost::system::result; reached only by `.value()`, which the house forbids.
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& where);

}  // namespace quorate

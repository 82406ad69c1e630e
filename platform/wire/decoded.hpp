#pragma once

#include <string>

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

namespace quorate::wire {

/// Why bytes from outside are not what they should be; one line, safe to log.
struct DecodeError {
    std::string text;
};

/// What was decoded or why not. Test it before `*`.
template <class T>
using Decoded = boost::system::result<T, DecodeError>;

/// Required by boost::system::result; reached only by `.value()`, which the house forbids.
[[noreturn]] void throw_exception_from_error(const DecodeError& error,
                                             const boost::source_location& where);

}  // namespace quorate::wire

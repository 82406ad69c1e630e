#include "platform/wire/decoded.hpp"

#include <stdexcept>

namespace quorate::wire {

void throw_exception_from_error(const DecodeError& error, const boost::source_location&) {
    throw std::logic_error{"decode error not looked at: " + error.text};
}

}  // namespace quorate::wire

#include "core/model/failure.hpp"

#include <stdexcept>
#include <string>

namespace quorate {

void throw_exception_from_error(const Failure& failure, const boost::source_location& /*where*/) {
    throw std::logic_error{std::string{"unchecked failure: "}.append(name_of(failure.reason))};
}

}  // namespace quorate

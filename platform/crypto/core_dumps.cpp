#include "platform/crypto/core_dumps.hpp"

#include <cerrno>
#include <system_error>

#include <sys/prctl.h>

namespace quorate {

void forbid_core_dumps() {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        throw std::system_error{errno, std::generic_category(), "core dumps can't be switched off"};
}

}  // namespace quorate

#include "platform/crypto/core_dumps.hpp"

#include <cerrno>
#include <system_error>

#include <sys/prctl.h>
#include <sys/resource.h>

namespace quorate {

void forbid_core_dumps() {
    const rlimit none{0, 0};  // what it runs inherits this; the other ends with exec
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        throw std::system_error{errno, std::generic_category(), "core dumps can't be switched off"};
}

}  // namespace quorate

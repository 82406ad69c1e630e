#include "coordinator/access/secret.hpp"

#include <stdexcept>

#include <openssl/rand.h>

#include "core/base/sha256.hpp"

namespace quorate::coordinator {

std::string random_secret() {
    Sha256 bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error{"no random numbers from OpenSSL"};
    return to_hex(bytes);
}

}  // namespace quorate::coordinator

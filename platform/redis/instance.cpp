#include "platform/redis/instance.hpp"

#include <random>

namespace quorate {

std::string random_instance() {
    std::random_device random;
    std::string digits;
    for (int i = 0; i < 16; ++i)
        digits.push_back("0123456789abcdef"[random() % 16]);
    return digits;
}

}  // namespace quorate

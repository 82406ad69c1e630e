#include "platform/runtime/backoff.hpp"

#include <algorithm>

namespace quorate {

Backoff::Backoff(milliseconds first, milliseconds longest, std::uint64_t seed)
    : first_{first}, longest_{longest}, step_{first}, random_{seed} {}

milliseconds Backoff::next() {
    const auto whole = step_;
    step_ = whole > longest_ / 2 ? longest_ : whole * 2;
    std::uniform_int_distribution<milliseconds::rep> part{whole.count() / 2, whole.count()};
    return milliseconds{part(random_)};
}

void Backoff::reset() {
    step_ = first_;
}

}  // namespace quorate

#pragma once

#include <cstdint>
#include <random>

#include "core/time/time.hpp"

namespace quorate {

/// How long to wait before the next try: doubles from `first` to `longest`, and of each step takes
/// a random part between one half and the whole, so that a fleet does not come back as one. A pure
/// value: the same seed gives the same sequence.
class Backoff {
public:
    Backoff(milliseconds first, milliseconds longest, std::uint64_t seed);

    /// The next wait; grows with each call until it stays at `longest`.
    milliseconds next();

    /// After a success: the next wait starts from `first` again.
    void reset();

private:
    milliseconds first_;
    milliseconds longest_;
    milliseconds step_;
    std::mt19937_64 random_;
};

}  // namespace quorate

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.hpp"

/// One program per target: the build names it in QUORATE_FUZZ_TARGET. An invariant that breaks
/// leaves by an exception, which libFuzzer reports as a crash and saves the input of.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    quorate::fuzz::QUORATE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}

#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define QUORATE_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUORATE_POISONS 1
#endif
#endif
#ifdef QUORATE_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace quorate::fuzz {

/// How an input comes in.
enum class Split : std::uint8_t {
    at_once,
    byte_by_byte,
    by_its_bytes,  ///< in pieces that the input's own bytes decide: a file is enough to do it again
};

/// An input that arrives in pieces. What has not come yet may not be looked at: AddressSanitizer
/// reports who does.
class Arrival {
public:
    /// @param salt  another one gives other pieces, where the input decides them
    Arrival(std::string_view input, Split split, unsigned salt = 0)
        : input_(input.begin(), input.end()),
          piece_bytes_max_{split == Split::at_once ? std::max<std::size_t>(input.size(), 1) : 1} {
        if (split == Split::by_its_bytes) {
            state_ = 14695981039346656037U + salt;
            for (const char c : input)
                state_ = (state_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
            constexpr std::size_t kSizes[] = {1, 3, 16, 64};
            piece_bytes_max_ = kSizes[next_number() % std::size(kSizes)];
            varies_ = true;
        }
        poison();
    }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;
    ~Arrival() { unpoison(input_.size()); }

    /// Lets the next piece come; false: that was all.
    bool more() {
        if (come_ == input_.size()) return false;
        const auto size = varies_ ? 1 + next_number() % piece_bytes_max_ : piece_bytes_max_;
        unpoison(std::min(come_ + size, input_.size()));
        return true;
    }
    /// What has come and was not taken.
    std::string_view here() const { return {input_.data() + taken_, come_ - taken_}; }
    void take(std::size_t bytes) { taken_ += bytes; }
    std::size_t taken() const { return taken_; }

private:
    std::size_t next_number() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return state_ >> 33U;
    }
    void poison() {
#ifdef QUORATE_POISONS
        ASAN_POISON_MEMORY_REGION(input_.data(), input_.size());
#endif
    }
    void unpoison(std::size_t end) {
#ifdef QUORATE_POISONS
        ASAN_UNPOISON_MEMORY_REGION(input_.data() + come_, end - come_);
#endif
        come_ = end;
    }

    std::vector<char> input_;  // no byte more, or the end of it could not be poisoned
    std::size_t piece_bytes_max_;
    std::uint64_t state_ = 0;
    std::size_t come_ = 0;
    std::size_t taken_ = 0;
    bool varies_ = false;
};

}  // namespace quorate::fuzz

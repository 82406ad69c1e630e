#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace quorate::coordinator {

/// Somebody may not do what they ask for; `what()` says why and what to do.
class AccessRefused : public std::runtime_error {
public:
    enum class Why : std::uint8_t {
        unknown,  ///< we don't know who it is
        denied,   ///< we do
        busy,     ///< they ask too often
    };
    AccessRefused(Why why, const std::string& message) : std::runtime_error{message}, why_{why} {}
    Why why() const { return why_; }

private:
    Why why_;
};

}  // namespace quorate::coordinator

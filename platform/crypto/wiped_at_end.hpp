#pragma once

#include <string>

#include "platform/crypto/secret_bytes.hpp"

namespace quorate {

/// Wipes a text of somebody else's when it goes itself. The text must not go, nor move, before.
class WipedAtEnd {
public:
    explicit WipedAtEnd(std::string& text) : text_{text} {}
    WipedAtEnd(const WipedAtEnd&) = delete;
    WipedAtEnd& operator=(const WipedAtEnd&) = delete;
    ~WipedAtEnd() { wipe(text_); }

private:
    std::string& text_;
};

}  // namespace quorate

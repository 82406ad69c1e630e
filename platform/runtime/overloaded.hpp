#pragma once

#include <stdexcept>

namespace quorate {

/// A bounded queue or group of ours is full: the work was not taken and nothing of it ran.
class Overloaded : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace quorate

#include "platform/telemetry/readiness.hpp"

namespace quorate {

bool Readiness::set(const std::string& reason) {
    const std::lock_guard lock{mutex_};
    return reasons_.insert(reason).second;
}

bool Readiness::clear(const std::string& reason) {
    const std::lock_guard lock{mutex_};
    return reasons_.erase(reason) > 0;
}

bool Readiness::ready() const {
    const std::lock_guard lock{mutex_};
    return reasons_.empty();
}

std::vector<std::string> Readiness::reasons() const {
    const std::lock_guard lock{mutex_};
    return {reasons_.begin(), reasons_.end()};
}

}  // namespace quorate

#include "platform/telemetry/readiness.hpp"

#include <utility>

namespace quorate {

bool Readiness::set(const std::string& reason) {
    const std::lock_guard lock{mutex_};
    const bool was_ready = reasons_.empty();
    const bool is_new = reasons_.insert(reason).second;
    if (was_ready && changed_) changed_(false);
    return is_new;
}

bool Readiness::clear(const std::string& reason) {
    const std::lock_guard lock{mutex_};
    const bool was_set = reasons_.erase(reason) > 0;
    if (was_set && reasons_.empty() && changed_) changed_(true);
    return was_set;
}

bool Readiness::ready() const {
    const std::lock_guard lock{mutex_};
    return reasons_.empty();
}

void Readiness::on_change(std::function<void(bool)> changed) {
    const std::lock_guard lock{mutex_};
    changed_ = std::move(changed);
    if (changed_) changed_(reasons_.empty());
}

std::vector<std::string> Readiness::reasons() const {
    const std::lock_guard lock{mutex_};
    return {reasons_.begin(), reasons_.end()};
}

}  // namespace quorate

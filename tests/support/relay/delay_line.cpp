#include "tests/support/relay/delay_line.hpp"

#include <utility>

namespace quorate::relay {

void DelayLine::put(std::span<const std::byte> bytes, SteadyTime now) {
    ++counts_.taken;
    if (std::uniform_real_distribution<double>{0, 1}(random_) < path_.loss) {
        ++counts_.lost;
        return;
    }
    if (waiting_.size() >= bounds_.packets_max || bytes_ + bytes.size() > bounds_.bytes_max) {
        ++counts_.dropped;
        return;
    }
    waiting_.push_back({now + path_.delay, Packet{bytes.begin(), bytes.end()}});
    bytes_ += bytes.size();
}

std::optional<SteadyTime> DelayLine::next() const {
    if (waiting_.empty()) return std::nullopt;
    return waiting_.front().due;
}

std::optional<Packet> DelayLine::take(SteadyTime now) {
    if (waiting_.empty() || waiting_.front().due > now) return std::nullopt;
    auto packet = std::move(waiting_.front().packet);
    waiting_.pop_front();
    bytes_ -= packet.size();
    return packet;
}

}  // namespace quorate::relay

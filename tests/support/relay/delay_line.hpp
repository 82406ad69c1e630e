#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace quorate::relay {

using SteadyTime = std::chrono::steady_clock::time_point;
using Packet = std::vector<std::byte>;

/// What a line does to packets.
struct Path {
    std::chrono::microseconds delay{0};  ///< one way
    double loss = 0;                     ///< part of the packets, 0..1
};

/// How much a line holds. What comes beyond either is dropped, as a full queue of a router does.
struct LineBounds {
    std::size_t packets_max = 20'000;
    std::size_t bytes_max = 32U << 20U;
};

/// Each packet is counted in `taken` and, in the end, in one of the others.
struct LineCounts {
    std::uint64_t taken = 0;
    std::uint64_t passed = 0;
    std::uint64_t lost = 0;     ///< by the path's loss
    std::uint64_t dropped = 0;  ///< since the line was full, or the far end took none
};

/// One direction of a link: packets wait here for the path's delay, and leave in the order in which
/// they came. Has no clock: the caller says what time it is. Not for several threads.
class DelayLine {
public:
    DelayLine(LineBounds bounds, std::uint64_t seed) : bounds_{bounds}, random_{seed} {}

    /// Holds for packets that come from now on. None overtakes another, so one that comes after the
    /// delay has become less leaves with the last one of before at the earliest.
    void set(Path path) { path_ = path; }

    void put(std::span<const std::byte> bytes, SteadyTime now);

    /// When the next packet leaves; nothing where none waits.
    std::optional<SteadyTime> next() const;

    /// The next packet, once it is due. The caller says what became of it: `passed` or `dropped`.
    std::optional<Packet> take(SteadyTime now);

    void passed() { ++counts_.passed; }
    void dropped() { ++counts_.dropped; }

    const LineCounts& counts() const { return counts_; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        SteadyTime due;
        Packet packet;
    };

    LineBounds bounds_;
    std::mt19937_64 random_;
    Path path_;
    std::deque<Waiting> waiting_;
    std::size_t bytes_ = 0;
    LineCounts counts_;
};

}  // namespace quorate::relay

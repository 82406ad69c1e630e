#include "tests/support/relay/relay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "tests/support/relay/descriptor.hpp"
#include "tests/support/relay/links.hpp"
#include "tests/support/relay/tun.hpp"

namespace quorate::relay {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kPacketBytesMax = 65'536;
constexpr int kReadsAtATime = 64;  // of one device, so that none keeps the others waiting
constexpr std::chrono::seconds kStatusEvery{1};
constexpr std::uint64_t kSignals = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kTimer = kSignals - 1;

std::runtime_error failure(const std::string& what) {
    return std::runtime_error{what + ": " + std::strerror(errno)};
}

std::vector<Link> read_links(const std::string& path) {
    std::ifstream file{path};
    if (!file) throw std::runtime_error{"cannot read " + path};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    try {
        return parse_links(text);
    } catch (const std::runtime_error& error) {
        throw std::runtime_error{path + ": " + error.what()};
    }
}

/// From one device into another.
struct Direction {
    Descriptor* from;
    Descriptor* to;
    DelayLine line;
};

class Relay {
public:
    Relay(const std::string& links_file, std::string status_file)
        : links_file_{links_file},
          status_file_{std::move(status_file)},
          links_{read_links(links_file)},
          epoll_{::epoll_create1(EPOLL_CLOEXEC)},
          timer_{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)} {
        if (epoll_.get() < 0 || timer_.get() < 0) throw failure("epoll or timer");
        block_signals();
        watch(signals_.get(), kSignals);
        watch(timer_.get(), kTimer);
        std::random_device seed;
        for (const auto& link : links_) {
            auto& one = devices_.emplace_back(open_tun(link.one));
            auto& other = devices_.emplace_back(open_tun(link.other));
            add(one, other, seed());
            add(other, one, seed());
        }
        set_paths();
    }

    void run() {
        write_status();
        std::array<epoll_event, 64> events{};
        while (!ended_) {
            const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
            if (count < 0 && errno != EINTR) throw failure("epoll_wait");
            for (int i = 0; i < count; ++i)
                serve(events.at(static_cast<std::size_t>(i)).data.u64);
            pass_due();
            if (steady_clock::now() >= next_status_) write_status();
            set_timer();
        }
        write_status();
    }

private:
    void block_signals() {
        sigset_t set;
        ::sigemptyset(&set);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP})
            ::sigaddset(&set, signal);
        ::sigprocmask(SIG_BLOCK, &set, nullptr);
        signals_ = Descriptor{::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)};
        if (signals_.get() < 0) throw failure("signalfd");
    }

    void watch(int fd, std::uint64_t tag) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = tag;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw failure("epoll_ctl");
    }

    void add(Descriptor& from, Descriptor& to, std::uint64_t seed) {
        watch(from.get(), directions_.size());
        directions_.push_back({&from, &to, DelayLine{LineBounds{}, seed}});
    }

    void set_paths() {
        for (std::size_t i = 0; i < directions_.size(); ++i)
            directions_.at(i).line.set(links_.at(i / 2).path());
    }

    void serve(std::uint64_t tag) {
        if (tag == kSignals)
            follow_signals();
        else if (tag == kTimer)
            forget_timer();
        else
            read_packets(directions_.at(tag));
    }

    void follow_signals() {
        signalfd_siginfo info{};
        while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
            if (info.ssi_signo != SIGHUP)
                ended_ = true;
            else
                reload();
        }
    }

    void reload() {
        try {
            auto links = read_links(links_file_);
            if (!same_links(links_, links))
                throw std::runtime_error{links_file_ + ": only rtt and loss may change"};
            links_ = std::move(links);
            set_paths();
            ++generation_;
            write_status();
        } catch (const std::runtime_error& error) {
            std::cerr << error.what() << std::endl;
        }
    }

    /// Reads its count, so that epoll waits for the next one.
    void forget_timer() {
        std::uint64_t count = 0;
        if (::read(timer_.get(), &count, sizeof count) < 0 && errno != EAGAIN)
            throw failure("timer");
    }

    void read_packets(Direction& direction) {
        for (int i = 0; i < kReadsAtATime; ++i) {
            const auto size = ::read(direction.from->get(), buffer_.data(), buffer_.size());
            if (size < 0 && errno != EAGAIN && errno != EINTR)
                throw failure("a device is gone, with its namespace");
            if (size <= 0) return;
            direction.line.put(std::span{buffer_}.first(static_cast<std::size_t>(size)),
                               steady_clock::now());
        }
    }

    /// A device that is down takes none: that is a cut.
    void pass_due() {
        const auto now = steady_clock::now();
        for (auto& direction : directions_) {
            while (const auto packet = direction.line.take(now)) {
                const auto size = ::write(direction.to->get(), packet->data(), packet->size());
                if (size == static_cast<ssize_t>(packet->size()))
                    direction.line.passed();
                else
                    direction.line.dropped();
            }
        }
    }

    void set_timer() {
        auto next = next_status_;
        for (const auto& direction : directions_)
            if (const auto due = direction.line.next()) next = std::min(next, *due);
        const auto since_boot = std::chrono::nanoseconds{next.time_since_epoch()}.count();
        itimerspec wanted{};
        wanted.it_value.tv_sec = since_boot / 1'000'000'000;
        wanted.it_value.tv_nsec = since_boot % 1'000'000'000;
        if (::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &wanted, nullptr) != 0)
            throw failure("timerfd_settime");
    }

    void write_status() {
        next_status_ = steady_clock::now() + kStatusEvery;
        const auto unfinished = status_file_ + ".new";
        std::ofstream file{unfinished};
        file << "generation " << generation_ << '\n';
        for (std::size_t i = 0; i < links_.size(); ++i) {
            const auto& link = links_.at(i);
            file << link.name << " rtt_ms " << link.rtt_ms << " loss_percent " << link.loss_percent;
            for (const auto way : {0U, 1U}) {
                const auto& line = directions_.at(2 * i + way).line;
                const auto& counts = line.counts();
                file << (way == 0 ? " there" : " back") << " taken " << counts.taken << " passed "
                     << counts.passed << " lost " << counts.lost << " dropped " << counts.dropped
                     << " waiting " << line.waiting();
            }
            file << '\n';
        }
        file.close();
        if (!file || std::rename(unfinished.c_str(), status_file_.c_str()) != 0)
            throw failure(status_file_);
    }

    std::string links_file_;
    std::string status_file_;
    std::vector<Link> links_;
    Descriptor epoll_;
    Descriptor timer_;
    Descriptor signals_;
    std::deque<Descriptor> devices_;     // stays where it is: directions point into it
    std::vector<Direction> directions_;  // two for each link: there and back
    std::array<std::byte, kPacketBytesMax> buffer_{};
    std::uint64_t generation_ = 1;
    SteadyTime next_status_;
    bool ended_ = false;
};

}  // namespace

void run(const std::string& links_file, const std::string& status_file) {
    Relay{links_file, status_file}.run();
}

}  // namespace quorate::relay

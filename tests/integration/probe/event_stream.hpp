#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace quorate {

/// The head of an event stream, which ends with its connection.
inline const std::string kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

inline std::string event(std::string_view data, std::string_view before = {}) {
    return std::string{before} + "data: " + std::string{data} + "\n\n";
}

/// A JSON-RPC result.
inline std::string result(std::int64_t id, std::string_view value) {
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"result":)" + std::string{value} +
           "}";
}

/// Wakes the thread of one connection from that of another.
class Mailbox {
public:
    void put(std::string text) {
        const std::lock_guard lock{mutex_};
        text_ = std::move(text);
        changed_.notify_all();
    }
    /// What was put, or nothing after 5 s.
    std::string take() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{5}, [&] { return !text_.empty(); });
        return std::exchange(text_, {});
    }
    void clear() {
        const std::lock_guard lock{mutex_};
        text_.clear();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
};

}  // namespace quorate

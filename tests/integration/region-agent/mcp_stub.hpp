#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>

#include "platform/runtime/task.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::testing {

/// A small MCP server of the legacy era (2025-11-25, Streamable HTTP, JSON answers) on a free port
/// of 127.0.0.1: initialize, tools/list with one tool, DELETE. While it hangs it takes requests and
/// answers none. Runs on the test's executor.
class McpStub {
public:
    explicit McpStub(const asio::any_io_executor& executor);

    std::string url() const;
    void hang() { hanging_ = true; }
    void go_on();
    /// From now on every message is answered by 429, with `Retry-After` where seconds are given;
    /// 0: not any more.
    void limit_rate(std::optional<int> retry_after_s);
    /// What tools/list says from now on, a JSON array.
    void list(std::string_view tools);
    /// tools/list is answered so much later from now on.
    void slow(std::chrono::milliseconds by) { slow_by_ = by; }
    /// Requests that were read, answered or not.
    std::size_t requests() const { return requests_; }
    /// How many `initialize` came: one per attempt.
    std::size_t attempts() const { return attempts_; }

    Task<> serve();
    void stop() { connections_.cancel(); }
    Task<> join() { return connections_.join(); }

private:
    struct Messages;

    Task<> answer(asio::ip::tcp::socket socket);

    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer goes_on_;
    TaskGroup connections_;
    bool hanging_ = false;
    bool limited_ = false;
    std::optional<int> retry_after_s_;
    std::size_t requests_ = 0;
    std::size_t attempts_ = 0;
    std::chrono::milliseconds slow_by_{0};
    boost::json::array tools_;
};

}  // namespace quorate::testing

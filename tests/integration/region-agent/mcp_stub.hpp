#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate::testing {

/// A small MCP server of the legacy era (2025-11-25, Streamable HTTP, JSON answers) on a free port
/// of 127.0.0.1: initialize, tools/list with one tool, DELETE. While it hangs it takes requests and
/// answers none. Runs on the test's executor.
class McpStub {
public:
    explicit McpStub(asio::any_io_executor executor)
        : acceptor_{executor, {asio::ip::address_v4::loopback(), 0}},
          goes_on_{executor, asio::steady_timer::time_point::max()},
          connections_{executor, 1000} {}

    std::string url() const {
        return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/mcp";
    }
    void hang() { hanging_ = true; }
    void go_on() {
        hanging_ = false;
        goes_on_.cancel();
    }
    /// From now on every message is answered by 429, with `Retry-After` where seconds are given;
    /// 0: not any more.
    void limit_rate(std::optional<int> retry_after_s) {
        limited_ = retry_after_s != 0;
        retry_after_s_ = retry_after_s;
    }
    /// What tools/list says from now on, a JSON array.
    void list(std::string_view tools) { tools_ = boost::json::parse(tools).as_array(); }
    /// tools/list is answered so much later from now on.
    void slow(std::chrono::milliseconds by) { slow_by_ = by; }
    /// Requests that were read, answered or not.
    std::size_t requests() const { return requests_; }
    /// How many `initialize` came: one per attempt.
    std::size_t attempts() const { return attempts_; }

    Task<> serve() {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
            connections_.spawn("connection", answer(std::move(socket)));
        }
    }
    void stop() { connections_.cancel(); }
    Task<> join() { return connections_.join(); }

private:
    using Request = boost::beast::http::request<boost::beast::http::string_body>;
    using Response = boost::beast::http::response<boost::beast::http::string_body>;

    Task<> answer(asio::ip::tcp::socket socket) {
        boost::beast::flat_buffer buffer;
        for (;;) {
            Request request;
            const auto [error, size] = co_await boost::beast::http::async_read(
                socket, buffer, request, asio::as_tuple(asio::use_awaitable));
            if (error) co_return;
            ++requests_;
            while (hanging_)
                co_await goes_on_.async_wait(asio::as_tuple(asio::use_awaitable));
            if (request.body().find("tools/list") != std::string::npos)
                co_await sleep_for(slow_by_);
            auto response = respond(request);
            const auto [failed, written] = co_await boost::beast::http::async_write(
                socket, response, asio::as_tuple(asio::use_awaitable));
            if (failed || !request.keep_alive()) co_return;
        }
    }

    Response respond(const Request& request) {
        namespace http = boost::beast::http;
        Response response{http::status::ok, request.version()};
        response.keep_alive(request.keep_alive());
        if (limited_) {
            response.result(http::status::too_many_requests);
            if (retry_after_s_) response.set("Retry-After", std::to_string(*retry_after_s_));
        } else if (request.method() == http::verb::post) {
            answer_message(request.body(), response);
        }
        response.prepare_payload();
        return response;
    }

    void answer_message(const std::string& body, Response& response) {
        const auto message = boost::json::parse(body).as_object();
        const std::string method = message.at("method").as_string().c_str();
        if (!message.contains("id")) {
            response.result(boost::beast::http::status::accepted);
            return;
        }
        boost::json::object result;
        if (method == "initialize") {
            ++attempts_;
            response.set("Mcp-Session-Id", "session");
            result = {{"protocolVersion", "2025-11-25"},
                      {"capabilities", {{"tools", boost::json::object{}}}},
                      {"serverInfo", {{"name", "stub"}, {"version", "1"}}}};
        } else if (method == "tools/list") {
            result["tools"] = tools_;
        }
        const boost::json::object answer{
            {"jsonrpc", "2.0"}, {"id", message.at("id")}, {"result", std::move(result)}};
        response.set("Content-Type", "application/json");
        response.body() = boost::json::serialize(answer);
    }

    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer goes_on_;
    TaskGroup connections_;
    bool hanging_ = false;
    bool limited_ = false;
    std::optional<int> retry_after_s_;
    std::size_t requests_ = 0;
    std::size_t attempts_ = 0;
    std::chrono::milliseconds slow_by_{0};
    boost::json::array tools_{
        boost::json::object{{"name", "echo"}, {"inputSchema", {{"type", "object"}}}}};
};

}  // namespace quorate::testing

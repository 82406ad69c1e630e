#include "tests/integration/region-agent/mcp_stub.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "platform/runtime/sleep.hpp"

namespace quorate::testing {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

/// What the stub says to a request that it answers.
struct McpStub::Messages {
    static Response respond(McpStub& stub, const Request& request) {
        namespace http = boost::beast::http;
        Response response{http::status::ok, request.version()};
        response.keep_alive(request.keep_alive());
        if (stub.limited_) {
            response.result(http::status::too_many_requests);
            if (stub.retry_after_s_)
                response.set("Retry-After", std::to_string(*stub.retry_after_s_));
        } else if (request.method() == http::verb::post) {
            answer_message(stub, request.body(), response);
        }
        response.prepare_payload();
        return response;
    }

    static void answer_message(McpStub& stub, const std::string& body, Response& response) {
        const auto message = boost::json::parse(body).as_object();
        const std::string method = message.at("method").as_string().c_str();
        if (!message.contains("id")) {
            response.result(boost::beast::http::status::accepted);
            return;
        }
        boost::json::object result;
        if (method == "initialize") {
            ++stub.attempts_;
            response.set("Mcp-Session-Id", "session");
            result = {{"protocolVersion", "2025-11-25"},
                      {"capabilities", {{"tools", boost::json::object{}}}},
                      {"serverInfo", {{"name", "stub"}, {"version", "1"}}}};
        } else if (method == "tools/list") {
            result["tools"] = stub.tools_;
        }
        const boost::json::object answer{
            {"jsonrpc", "2.0"}, {"id", message.at("id")}, {"result", std::move(result)}};
        response.set("Content-Type", "application/json");
        response.body() = boost::json::serialize(answer);
    }
};

McpStub::McpStub(const asio::any_io_executor& executor)
    : acceptor_{executor, {asio::ip::address_v4::loopback(), 0}},
      goes_on_{executor, asio::steady_timer::time_point::max()},
      connections_{executor, 1000} {
    list(R"([{"name": "echo", "inputSchema": {"type": "object"}}])");
}

std::string McpStub::url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/mcp";
}

void McpStub::go_on() {
    hanging_ = false;
    goes_on_.cancel();
}

void McpStub::limit_rate(std::optional<int> retry_after_s) {
    limited_ = retry_after_s != 0;
    retry_after_s_ = retry_after_s;
}

void McpStub::list(std::string_view tools) {
    tools_ = boost::json::parse(tools).as_array();
}

Task<> McpStub::serve() {
    for (;;) {
        auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
        connections_.spawn("connection", answer(std::move(socket)));
    }
}

Task<> McpStub::answer(asio::ip::tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (;;) {
        Request request;
        const auto [error, size] = co_await boost::beast::http::async_read(
            socket, buffer, request, asio::as_tuple(asio::use_awaitable));
        if (error) co_return;
        ++requests_;
        while (hanging_)
            co_await goes_on_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (request.body().find("tools/list") != std::string::npos) co_await sleep_for(slow_by_);
        auto response = Messages::respond(*this, request);
        const auto [failed, written] = co_await boost::beast::http::async_write(
            socket, response, asio::as_tuple(asio::use_awaitable));
        if (failed || !request.keep_alive()) co_return;
    }
}

}  // namespace quorate::testing

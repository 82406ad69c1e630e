// An MCP server of the revision 2026-07-28 that is healthy under every path, for tests that count
// what was asked of whom: it writes one line for each answered request. Listens on 127.0.0.1,
// prints its port, ends with SIGTERM. Usage: mcp_target LOGFILE
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "platform/runtime/task.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t kConnectionsMax = 20'000;
constexpr std::chrono::milliseconds kFlushEvery{100};

json::object result_of(const std::string& method) {
    json::object result{{"resultType", "complete"}};
    if (method == "server/discover") {
        result["supportedVersions"] = json::array{"2026-07-28"};
        result["capabilities"] = {{"tools", json::object{}}};
        result["serverInfo"] = {{"name", "target"}, {"version", "1"}};
    } else {
        json::object tool{{"name", "echo"}, {"inputSchema", {{"type", "object"}}}};
        result["tools"] = json::array{std::move(tool)};
    }
    result["ttlMs"] = 0;
    result["cacheScope"] = "private";
    return result;
}

class Target {
public:
    Target(asio::io_context& context, const std::string& file)
        : acceptor_{context, {asio::ip::address_v4::loopback(), 0}},
          flush_{context},
          log_{file},
          connections_{context.get_executor(), kConnectionsMax} {
        if (!log_) throw std::runtime_error{"cannot write " + file};
    }

    int port() const { return acceptor_.local_endpoint().port(); }

    Task<> serve() {
        for (;;) {
            auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
            connections_.spawn("connection", answer(std::move(socket)));
        }
    }

    /// So that a reader sees lines soon, without a write for each.
    Task<> write_log() {
        for (;;) {
            flush_.expires_after(kFlushEvery);
            co_await flush_.async_wait(asio::use_awaitable);
            log_.flush();
        }
    }

private:
    Task<> answer(asio::ip::tcp::socket socket) {
        boost::beast::flat_buffer buffer;
        const auto source = socket.remote_endpoint().address().to_string();
        for (;;) {
            Request request;
            const auto [error, size] = co_await http::async_read(
                socket, buffer, request, asio::as_tuple(asio::use_awaitable));
            if (error) co_return;
            std::string method;
            auto response = respond(request, method);
            const auto [failed, written] =
                co_await http::async_write(socket, response, asio::as_tuple(asio::use_awaitable));
            if (failed) co_return;
            note(request, source, method);
            if (!request.keep_alive()) co_return;
        }
    }

    static Response respond(const Request& request, std::string& method) {
        Response response{http::status::ok, request.version()};
        response.keep_alive(request.keep_alive());
        boost::system::error_code error;
        const auto message = json::parse(request.body(), error);
        const auto* object = error ? nullptr : message.if_object();
        const auto* name = object != nullptr ? object->if_contains("method") : nullptr;
        const auto* id = object != nullptr ? object->if_contains("id") : nullptr;
        if (name != nullptr && name->is_string() && id != nullptr) {
            method = name->get_string().c_str();
            response.set(http::field::content_type, "application/json");
            response.body() = json::serialize(
                json::object{{"jsonrpc", "2.0"}, {"id", *id}, {"result", result_of(method)}});
        } else {
            response.result(http::status::bad_request);
        }
        response.prepare_payload();
        return response;
    }

    /// `epoch in microseconds, path, source address, method`, by blanks.
    void note(const Request& request, const std::string& source, const std::string& method) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        log_ << std::chrono::duration_cast<std::chrono::microseconds>(now).count() << ' '
             << std::string{request.target()} << ' ' << source << ' ' << method << '\n';
    }

    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer flush_;
    std::ofstream log_;
    TaskGroup connections_;
};

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
    using namespace quorate;
    if (argc != 2) {
        std::cerr << "usage: mcp_target LOGFILE\n";
        return 2;
    }
    try {
        asio::io_context context{1};
        Target target{context, argv[1]};
        TaskGroup tasks{context.get_executor(), 2};
        tasks.spawn("serve", target.serve());
        tasks.spawn("log", target.write_log());
        asio::signal_set signals{context, SIGTERM, SIGINT};
        signals.async_wait([&](const auto& /*error*/, int /*signal*/) { context.stop(); });
        std::cout << target.port() << std::endl;
        context.run();
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}

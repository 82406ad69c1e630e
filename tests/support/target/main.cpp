// An MCP server of the revision 2026-07-28 under every path, for tests that count what was asked of
// whom: it writes one line for each answered request. Healthy, but for paths of which a line on its
// standard input says otherwise: `PATH MODE`, MODE one of up, hang, slow, error, html, auth.
// Listens on 127.0.0.1 at a port of the system's choice, or where it is told to, prints its port,
// ends with SIGTERM. Usage: mcp_target LOGFILE [ADDRESS PORT]
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <unordered_map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include <unistd.h>

#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"
#include "platform/runtime/task_group.hpp"

namespace quorate {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t kConnectionsMax = 20'000;
constexpr std::chrono::seconds kHang{60};  // longer than any probe waits
constexpr std::chrono::milliseconds kSlow{900};
constexpr std::size_t kOrderBytesMax = 1024;
constexpr std::chrono::milliseconds kFlushEvery{100};

json::object result_of(const std::string& method) {
    json::object result{{"resultType", "complete"}};
    if (method == "server/discover") {
        result["supportedVersions"] = json::array{"2026-07-28"};
        result["capabilities"] = {{"tools", json::object{}}};
        result["serverInfo"] = {{"name", "target"}, {"version", "1"}};
    } else {
        json::array tools;
        for (const auto* tool : {"echo", "add"})
            tools.push_back({{"name", tool}, {"inputSchema", {{"type", "object"}}}});
        result["tools"] = std::move(tools);
    }
    result["ttlMs"] = 0;
    result["cacheScope"] = "private";
    return result;
}

class Target {
public:
    Target(asio::io_context& context, const std::string& file, const asio::ip::tcp::endpoint& at)
        : orders_{context, ::dup(STDIN_FILENO)},
          acceptor_{context, at},
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

    /// Until standard input ends.
    Task<> follow_orders() {
        std::string buffer;
        for (;;) {
            const auto [error, size] =
                co_await asio::async_read_until(orders_,
                                                asio::dynamic_buffer(buffer, kOrderBytesMax),
                                                '\n',
                                                asio::as_tuple(asio::use_awaitable));
            if (error) co_return;
            const auto line = buffer.substr(0, size - 1);
            buffer.erase(0, size);
            const auto blank = line.find(' ');
            if (blank == line.npos) continue;
            const auto mode = line.substr(blank + 1);
            if (mode == "up")
                modes_.erase(line.substr(0, blank));
            else
                modes_[line.substr(0, blank)] = mode;
        }
    }

private:
    /// Of the path asked for.
    std::string mode_of(const Request& request) const {
        const auto found = modes_.find(std::string{request.target()});
        return found == modes_.end() ? std::string{} : found->second;
    }

    static Task<> pause(std::chrono::milliseconds duration) {
        asio::steady_timer timer{co_await asio::this_coro::executor, duration};
        co_await timer.async_wait(asio::use_awaitable);
    }

    Task<> answer(asio::ip::tcp::socket socket) {
        boost::beast::flat_buffer buffer;
        const auto source = socket.remote_endpoint().address().to_string();
        for (;;) {
            Request request;
            const auto [error, size] = co_await http::async_read(
                socket, buffer, request, asio::as_tuple(asio::use_awaitable));
            if (error) co_return;
            std::string method;
            const auto mode = mode_of(request);
            if (mode == "hang") {
                co_await pause(kHang);
                co_return;
            }
            if (mode == "slow") co_await pause(kSlow);
            auto response =
                mode.empty() || mode == "slow" ? respond(request, method) : refuse(request, mode);
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

    static Response refuse(const Request& request, const std::string& mode) {
        const auto status = mode == "error"  ? http::status::internal_server_error
                            : mode == "auth" ? http::status::unauthorized
                                             : http::status::ok;
        Response response{status, request.version()};
        response.keep_alive(request.keep_alive());
        if (mode == "auth") response.set(http::field::www_authenticate, "Bearer");
        if (mode == "html") response.set(http::field::content_type, "text/html");
        response.body() = mode == "html" ? "<!doctype html><title>Parked</title>" : "";
        response.prepare_payload();
        return response;
    }

    /// `epoch in microseconds, path, source address, method`, by blanks.
    void note(const Request& request, const std::string& source, const std::string& method) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        log_ << std::chrono::duration_cast<std::chrono::microseconds>(now).count() << ' '
             << std::string{request.target()} << ' ' << source << ' ' << method << '\n';
    }

    std::unordered_map<std::string, std::string> modes_;  // of the paths that are not up
    asio::posix::stream_descriptor orders_;
    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer flush_;
    std::ofstream log_;
    TaskGroup connections_;
};

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
    using namespace quorate;
    if (argc != 2 && argc != 4) {
        std::cerr << "usage: mcp_target LOGFILE [ADDRESS PORT]\n";
        return 2;
    }
    try {
        asio::io_context context{1};
        asio::ip::tcp::endpoint at{asio::ip::address_v4::loopback(), 0};
        if (argc == 4)
            at = {asio::ip::make_address(argv[2]),
                  static_cast<asio::ip::port_type>(std::stoi(argv[3]))};
        Target target{context, argv[1], at};
        TaskGroup tasks{context.get_executor(), 3};
        tasks.spawn("serve", target.serve());
        tasks.spawn("log", target.write_log());
        tasks.spawn("orders", target.follow_orders());
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

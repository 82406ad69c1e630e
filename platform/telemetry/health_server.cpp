#include "platform/telemetry/health_server.hpp"

#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/runtime/within.hpp"
#include "platform/telemetry/json_text.hpp"

namespace quorate {
namespace {

namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

constexpr std::uint32_t kHeaderBytesMax = 8192;
constexpr milliseconds kAcceptPause{100};

tcp::endpoint listen_on(const HealthServerOptions& options) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options.address, error);
    if (error)
        throw std::runtime_error{"\"" + options.address + "\" is no IP address (health server)"};
    return {address, options.port};
}

/// Names the port, for it is what the operator must change.
std::string bind_failure(const tcp::endpoint& local, const boost::system::error_code& error) {
    const auto address = local.address().is_v6() ? "[" + local.address().to_string() + "]"
                                                 : local.address().to_string();
    const auto port = std::to_string(local.port());
    const auto what = error == asio::error::address_in_use ? std::string{"is in use"}
                                                           : "cannot be had: " + error.message();
    return "port " + port + " " + what + " (health server, " + address + ":" + port + ")";
}

std::string readyz_body(const std::vector<std::string>& reasons) {
    if (reasons.empty()) return R"({"ready":true})";
    std::string json = R"({"ready":false,"reasons":[)";
    for (const auto& reason : reasons) {
        if (json.back() != '[') json += ',';
        append_json_text(json, reason, 128);
    }
    return json + "]}";
}

/// Whether the peer sent what is no HTTP, rather than nothing or not all of it.
bool is_malformed(const boost::system::error_code& error) {
    const auto& of_http = http::make_error_code(http::error::bad_method).category();
    return error.category() == of_http && error != http::error::end_of_stream &&
           error != http::error::partial_message;
}

Response make_response(http::status status, std::string_view type, std::string body) {
    Response response{status, 11};
    response.set(http::field::content_type, type);
    response.set(http::field::cache_control, "no-store");
    response.body() = std::move(body);
    return response;
}

}  // namespace

struct HealthServer::State {
    State(asio::any_io_executor on,
          const HealthServerOptions& chosen,
          const Readiness& ready,
          const Metrics& measured)
        : executor{std::move(on)},
          options{chosen},
          readiness{ready},
          metrics{measured},
          acceptor{executor} {
        const auto local = listen_on(options);
        boost::system::error_code error;
        acceptor.open(local.protocol(), error);
        if (!error) acceptor.set_option(tcp::acceptor::reuse_address{true}, error);
        if (!error) acceptor.bind(local, error);
        if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
        if (error) throw std::runtime_error{bind_failure(local, error)};
    }

    Deadline deadline() const { return clock.steady_now() + options.timeout; }

    Response respond(const Request& request) const {
        if (request.method() != http::verb::get && request.method() != http::verb::head) {
            auto refused = make_response(http::status::method_not_allowed, "text/plain", "");
            refused.set(http::field::allow, "GET, HEAD");
            return refused;
        }
        const std::string_view target{request.target().data(), request.target().size()};
        const auto path = target.substr(0, target.find('?'));
        if (path == "/livez") return make_response(http::status::ok, "text/plain", "ok\n");
        if (path == "/metrics")
            return make_response(
                http::status::ok, "text/plain; version=0.0.4; charset=utf-8", metrics.exposition());
        if (path != "/readyz") return make_response(http::status::not_found, "text/plain", "");
        const auto reasons = readiness.reasons();
        return make_response(reasons.empty() ? http::status::ok : http::status::service_unavailable,
                             "application/json",
                             readyz_body(reasons));
    }

    /// Reads one request; nothing if the peer went away, and an answer if it is no good request.
    Task<std::optional<Response>> read_and_respond(tcp::socket& socket) const {
        boost::beast::flat_buffer buffer{kHeaderBytesMax};
        http::request_parser<http::empty_body> parser;
        parser.header_limit(kHeaderBytesMax);
        const auto [error, bytes] = co_await http::async_read_header(
            socket, buffer, parser, asio::as_tuple(asio::use_awaitable));
        if (error == http::error::header_limit || error == http::error::buffer_overflow)
            co_return make_response(
                http::status::request_header_fields_too_large, "text/plain", "");
        if (is_malformed(error))
            co_return make_response(http::status::bad_request, "text/plain", "");
        if (error) co_return std::nullopt;
        auto response = respond(parser.get());
        response.content_length(response.body().size());
        if (parser.get().method() == http::verb::head) response.body().clear();
        co_return response;
    }

    /// One connection from its request to its end. The peer's errors stay here.
    Task<> answer(tcp::socket socket) const {
        auto reading = read_and_respond(socket);
        auto response = co_await within(deadline(), std::move(reading));
        if (!response || !*response) co_return;
        (*response)->keep_alive(false);
        if (!(*response)->has_content_length()) (*response)->prepare_payload();
        auto writing = write(socket, **response);
        co_await done_within(deadline(), std::move(writing));
        boost::system::error_code ignored;
        socket.shutdown(tcp::socket::shutdown_send, ignored);
    }

    static Task<> write(tcp::socket& socket, const Response& response) {
        co_await http::async_write(socket, response, asio::as_tuple(asio::use_awaitable));
    }

    Task<> accept(TaskGroup& connections) {
        while (true) {
            co_await connections.room();
            auto [error, socket] =
                co_await acceptor.async_accept(executor, asio::as_tuple(asio::use_awaitable));
            if (!error)
                connections.spawn("health_connection", answer(std::move(socket)));
            else  // Out of descriptors, or the peer left the queue; never a reason to spin.
                co_await sleep_for(kAcceptPause);
        }
    }

    asio::any_io_executor executor;
    HealthServerOptions options;
    const Readiness& readiness;
    const Metrics& metrics;
    SystemClock clock;
    tcp::acceptor acceptor;
};

HealthServer::HealthServer(asio::any_io_executor executor,
                           const HealthServerOptions& options,
                           const Readiness& readiness,
                           const Metrics& metrics)
    : state_{std::make_unique<State>(std::move(executor), options, readiness, metrics)} {}

HealthServer::~HealthServer() = default;

std::uint16_t HealthServer::port() const {
    return state_->acceptor.local_endpoint().port();
}

Task<> HealthServer::serve() {
    // One more than the connections: the accepting task is part of the group.
    TaskGroup connections{state_->executor, state_->options.connections_max + 1};
    connections.spawn("health_accept", state_->accept(connections));
    co_await connections.join();
}

}  // namespace quorate

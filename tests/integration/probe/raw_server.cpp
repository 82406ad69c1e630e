#include "tests/integration/probe/raw_server.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/text.hpp"

namespace quorate {

const std::string_view kInitializeResult =
    R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
    R"("serverInfo":{"name":"script","version":"1"}})";
const std::string_view kToolsResult =
    R"({"tools":[{"name":"echo","inputSchema":{"type":"object"}}]})";

std::string RawRequest::field(std::string_view name) const {
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        const auto end = std::min(head.find("\r\n", at + 2), head.size());
        const auto line = std::string_view{head}.substr(at + 2, end - at - 2);
        const auto colon = line.find(": ");
        if (colon != line.npos && equal_ignoring_case(line.substr(0, colon), name))
            return std::string{line.substr(colon + 2)};
    }
    return {};
}

RawConnection::RawConnection(int descriptor, ssl_ctx_st* tls) : descriptor_{descriptor} {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, descriptor_);
}

RawConnection::~RawConnection() {
    SSL_free(ssl_);
}

bool RawConnection::handshake() {
    if (ssl_ == nullptr || SSL_accept(ssl_) == 1) return true;
    // Bytes left unread would turn the close into a reset, which overtakes our alert.
    ::shutdown(descriptor_, SHUT_WR);
    char rest[1024];
    while (::recv(descriptor_, rest, sizeof rest, 0) > 0) {
    }
    return false;
}

long RawConnection::receive(char* into, std::size_t size) {
    if (ssl_ != nullptr) return SSL_read(ssl_, into, static_cast<int>(size));
    return ::recv(descriptor_, into, size, 0);
}

bool RawConnection::read(RawRequest& request) {
    char piece[4096];
    std::size_t head_end = 0;
    std::size_t length = 0;
    while (true) {
        head_end = buffer_.find("\r\n\r\n");
        if (head_end != buffer_.npos) {
            request.head = buffer_.substr(0, head_end);
            const auto text = request.field("content-length");
            length = text.empty() ? 0 : std::stoul(text);
            if (buffer_.size() >= head_end + 4 + length) break;
        }
        const auto count = receive(piece, sizeof piece);
        if (count <= 0) return false;
        buffer_.append(piece, static_cast<std::size_t>(count));
    }
    request.body = buffer_.substr(head_end + 4, length);
    buffer_.erase(0, head_end + 4 + length);
    request.rpc_method.clear();
    request.rpc_id = 0;
    if (request.body.empty()) return true;
    const auto message = boost::json::parse(request.body).as_object();
    if (const auto* method = message.if_contains("method"))
        request.rpc_method = std::string{method->as_string()};
    if (const auto* id = message.if_contains("id"))
        if (id->is_int64()) request.rpc_id = id->as_int64();
    return true;
}

bool RawConnection::send(std::string_view bytes) {
    if (ssl_ != nullptr) return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
    return send_bare(bytes);
}

bool RawConnection::send_bare(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

bool RawConnection::stirs_within(std::chrono::milliseconds time) {
    pollfd entry{descriptor_, POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(time.count())) != 0;
}

void RawConnection::wait_for_close() {
    char piece[4096];
    while (receive(piece, sizeof piece) > 0) {
    }
}

void RawConnection::reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

RawServer::RawServer(Serve serve, ssl_ctx_st* tls, std::uint32_t on, std::uint16_t port)
    : serve_{std::move(serve)}, tls_{tls}, listener_{::socket(AF_INET, SOCK_STREAM, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(on);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, generic, &size) != 0)
        throw std::runtime_error{"no port to listen on"};
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread{[this] { accept_all(); }};
}

RawServer::~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
        const std::lock_guard lock{mutex_};
        for (const int descriptor : open_)
            ::shutdown(descriptor, SHUT_RDWR);
    }
    for (auto& thread : threads_)
        thread.join();
}

void RawServer::accept_all() {
    while (true) {
        sockaddr_in from{};
        socklen_t size = sizeof from;
        const int descriptor = ::accept(listener_, reinterpret_cast<sockaddr*>(&from), &size);
        if (descriptor < 0) return;
        ++connections_;
        char text[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &from.sin_addr, text, sizeof text);
        const std::lock_guard lock{mutex_};
        sources_.emplace_back(text);
        open_.push_back(descriptor);
        threads_.emplace_back([this, descriptor] {
            // OpenSSL's socket BIO raises SIGPIPE; on this thread alone, so that one raised by the
            // probe still shows.
            sigset_t pipe;
            sigemptyset(&pipe);
            sigaddset(&pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
            {
                RawConnection connection{descriptor, tls_};
                if (connection.handshake()) serve_(connection);
            }
            const std::lock_guard closing{mutex_};
            std::erase(open_, descriptor);
            ::close(descriptor);
        });
    }
}

std::string RawServer::url(std::string_view path) const {
    const std::string scheme = tls_ != nullptr ? "https://localhost:" : "http://127.0.0.1:";
    return scheme + std::to_string(port_) + std::string{path};
}

std::vector<std::string> RawServer::sources() {
    const std::lock_guard lock{mutex_};
    return sources_;
}

std::string http(int status, std::string_view type, std::string_view body, std::string fields) {
    auto text = "HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields +
                "Content-Length: " + std::to_string(body.size()) + "\r\n";
    if (!type.empty()) text += "Content-Type: " + std::string{type} + "\r\n";
    return text + "\r\n" + std::string{body};
}

std::string rpc_result(const RawRequest& request, std::string_view result, std::string fields) {
    const auto body = R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                      R"(,"result":)" + std::string{result} + "}";
    return http(200, "application/json", body, std::move(fields));
}

std::string rpc_error(const RawRequest& request, int status, int code, std::string_view message) {
    const auto body = R"({"jsonrpc":"2.0","id":)" + std::to_string(request.rpc_id) +
                      R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":")" +
                      std::string{message} + "\"}}";
    return http(status, "application/json", body);
}

McpScript::McpScript() {
    on("server/discover", [](const RawRequest& request) {
        return rpc_error(request, 400, -32000, "Bad Request: Server not initialized");
    });
    on("initialize", [](const RawRequest& request) {
        return rpc_result(request, kInitializeResult, "Mcp-Session-Id: s-1\r\n");
    });
    on("notifications/initialized", [](const RawRequest&) { return http(202, "", ""); });
    on("tools/list", [](const RawRequest& request) { return rpc_result(request, kToolsResult); });
    on("DELETE", [](const RawRequest&) { return http(200, "", ""); });
    on("GET", [](const RawRequest&) { return http(405, "", ""); });
}

void McpScript::on(const std::string& method, Say say) {
    const std::lock_guard lock{mutex_};
    says_[method] = std::move(say);
}

bool McpScript::serve_until(RawConnection& connection, std::string_view method) {
    for (RawRequest request; connection.read(request);) {
        const auto called = request.rpc_method.empty() ? request.method() : request.rpc_method;
        Say say;
        {
            const std::lock_guard lock{mutex_};
            requests_.push_back(request);
            const auto found = says_.find(called);
            if (found != says_.end()) say = found->second;
        }
        if (called == method) return true;
        const auto answer =
            say ? say(request) : rpc_error(request, 200, -32601, "Method not found");
        if (answer.empty()) {
            connection.wait_for_close();
            return false;
        }
        connection.send(answer);
        if (closes_) return false;
    }
    return false;
}

std::vector<RawRequest> McpScript::requests() {
    const std::lock_guard lock{mutex_};
    return requests_;
}

int McpScript::count(std::string_view method) {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(std::count_if(requests_.begin(), requests_.end(), [&](auto& request) {
        return (request.rpc_method.empty() ? request.method() : request.rpc_method) == method;
    }));
}

}  // namespace quorate

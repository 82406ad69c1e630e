#include "tests/bench/probe/raw_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <system_error>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quorate::bench {
namespace {

constexpr std::size_t kAnswerBytesMax = 4096;
/// Connections that an open loop may have in flight; more means that the client is not keeping up.
constexpr std::size_t kOpenLoopMax = 2000;

[[noreturn]] void fail(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

std::uint32_t first_address_of(const std::string& network) {
    in_addr address{};
    if (::inet_pton(AF_INET, (network + ".1").c_str(), &address) != 1) {
        errno = EINVAL;
        fail(network.c_str());
    }
    return ntohl(address.s_addr);
}

SteadyTime now() {
    return std::chrono::steady_clock::now();
}

ssl_ctx_st* make_context(const std::string& ca_file) {
    auto* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    if (SSL_CTX_load_verify_file(context, ca_file.c_str()) != 1) fail(ca_file.c_str());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    return context;
}

/// How many bytes of `received` are one whole answer; 0 where more must come, -1 where it is bad.
long answer_size(std::string_view received) {
    const auto head_size = received.find("\r\n\r\n");
    if (head_size == std::string_view::npos) return received.size() < kAnswerBytesMax ? 0 : -1;
    if (!received.starts_with("HTTP/1.1 20")) return -1;
    constexpr std::string_view kLength = "Content-Length: ";
    const auto head = received.substr(0, head_size);
    const auto at = head.find(kLength);
    if (at == std::string_view::npos) return -1;
    std::size_t length = 0;
    std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
    const auto whole = head_size + 4 + length;
    if (whole > kAnswerBytesMax) return -1;
    if (received.size() < whole) return 0;
    const auto body = received.substr(head_size + 4, length);
    // A notification's answer has no body.
    const bool good = length == 0 || body.find("\"result\"") != std::string_view::npos;
    return good ? static_cast<long>(whole) : -1;
}

}  // namespace

struct RawClient::Connection {
    int descriptor = -1;
    ssl_st* ssl = nullptr;
    State state = State::idle;
    std::size_t sent = 0;      ///< requests
    std::size_t received = 0;  ///< bytes of the answer
    SteadyTime due;
    std::array<char, kAnswerBytesMax> answer;
};

RawClient::RawClient(RawOptions options)
    : options_{std::move(options)},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)},
      context_{options_.ca_file.empty() ? nullptr : make_context(options_.ca_file), SSL_CTX_free},
      first_address_{first_address_of(options_.network)},
      connections_(options_.rate > 0 ? kOpenLoopMax : options_.in_flight) {
    if (epoll_ < 0) fail("epoll_create1");
}

RawClient::~RawClient() {
    for (auto& connection : connections_) {
        SSL_free(connection.ssl);
        if (connection.descriptor >= 0) ::close(connection.descriptor);
    }
    ::close(epoll_);
}

Window RawClient::run() {
    const auto began = now();
    const auto warm_until = began + std::chrono::duration_cast<SteadyTime::duration>(
                                        std::chrono::duration<double>{options_.warm_up_s});
    const auto until = warm_until + std::chrono::duration_cast<SteadyTime::duration>(
                                        std::chrono::duration<double>{options_.seconds});
    next_due_ = began;
    for (auto& connection : connections_) {
        if (options_.rate > 0)
            idle_.push_back(&connection);
        else
            start(connection, began);
    }
    for (auto at = began; at < until; at = now()) {
        if (!window_.is_open() && at >= warm_until) window_.open(at);
        wait(start_due(at));
    }
    window_.close(now());
    return window_;
}

std::chrono::nanoseconds RawClient::start_due(SteadyTime at) {
    if (options_.rate <= 0) return std::chrono::milliseconds{100};
    const auto gap = std::chrono::nanoseconds{static_cast<long>(1e9 / options_.rate)};
    for (; next_due_ <= at; next_due_ += gap) {
        if (idle_.empty()) {
            window_.add_error();
            continue;
        }
        auto& connection = *idle_.back();
        idle_.pop_back();
        start(connection, next_due_);
    }
    return std::max(std::chrono::nanoseconds{0}, next_due_ - now());
}

void RawClient::wait(std::chrono::nanoseconds at_most) {
    std::array<epoll_event, 256> events;
    const timespec timeout{at_most.count() / 1'000'000'000, at_most.count() % 1'000'000'000};
    const int count =
        ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        auto& connection = *static_cast<Connection*>(event.data.ptr);
        if (connection.state == State::idle) continue;
        if (connection.state == State::connecting && (event.events & EPOLLOUT) == 0) continue;
        drive(connection);
    }
}

void RawClient::start(Connection& connection, SteadyTime due) {
    connection.due = due;
    connection.sent = 0;
    connection.received = 0;
    connection.state = State::connecting;
    connection.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.descriptor < 0) fail("socket");
    const int one = 1;
    ::setsockopt(connection.descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(options_.port);
    peer.sin_addr.s_addr = htonl(first_address_ + next_address_);
    next_address_ = (next_address_ + 1) % options_.addresses;
    const auto* address = reinterpret_cast<const sockaddr*>(&peer);
    if (::connect(connection.descriptor, address, sizeof peer) != 0 && errno != EINPROGRESS)
        fail("connect");
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    interest.data.ptr = &connection;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.descriptor, &interest) != 0)
        fail("epoll_ctl");
}

void RawClient::finish(Connection& connection, bool good) {
    if (good && connection.ssl != nullptr) SSL_shutdown(connection.ssl);
    ERR_clear_error();
    SSL_free(connection.ssl);
    connection.ssl = nullptr;
    ::close(connection.descriptor);
    connection.descriptor = -1;
    connection.state = State::idle;
    const auto at = now();
    if (good)
        window_.add(at - connection.due);
    else
        window_.add_error();
    if (options_.rate > 0)
        idle_.push_back(&connection);
    else
        start(connection, at);
}

void RawClient::drive(Connection& connection) {
    auto progress = Progress::done;
    if (connection.state == State::connecting && context_) connection.state = State::handshaking;
    if (connection.state == State::handshaking) progress = handshake(connection);
    if (connection.state == State::waiting)
        progress = receive(connection);
    else if (progress == Progress::done)
        progress = send_next(connection);
    // Edge-triggered: the answer to what was just sent raises a new event.
    while (progress == Progress::done) {
        if (connection.sent == options_.requests.size()) return finish(connection, true);
        progress = send_next(connection);
    }
    if (progress == Progress::failed) finish(connection, false);
}

RawClient::Progress RawClient::handshake(Connection& connection) {
    if (connection.ssl == nullptr) {
        connection.ssl = SSL_new(context_.get());
        SSL_set_fd(connection.ssl, connection.descriptor);
        SSL_set_tlsext_host_name(connection.ssl, options_.host.c_str());
        SSL_set1_host(connection.ssl, options_.host.c_str());
        SSL_set_connect_state(connection.ssl);
    }
    const int result = SSL_do_handshake(connection.ssl);
    if (result == 1) return Progress::done;
    const int error = SSL_get_error(connection.ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Progress::more;
    return Progress::failed;
}

/// Requests are small and the socket's buffer is empty, so a short write is a fault.
RawClient::Progress RawClient::send_next(Connection& connection) {
    const auto& request = options_.requests[connection.sent];
    const auto size = request.size();
    const auto written = connection.ssl != nullptr
                             ? SSL_write(connection.ssl, request.data(), static_cast<int>(size))
                             : ::send(connection.descriptor, request.data(), size, MSG_NOSIGNAL);
    if (written != static_cast<long>(size)) return Progress::failed;
    ++connection.sent;
    connection.received = 0;
    connection.state = State::waiting;
    return Progress::more;
}

RawClient::Progress RawClient::receive(Connection& connection) {
    while (true) {
        auto* into = connection.answer.data() + connection.received;
        const auto room = connection.answer.size() - connection.received;
        const long count = connection.ssl != nullptr
                               ? SSL_read(connection.ssl, into, static_cast<int>(room))
                               : ::recv(connection.descriptor, into, room, 0);
        if (count <= 0) {
            if (connection.ssl == nullptr)
                return count < 0 && errno == EAGAIN ? Progress::more : Progress::failed;
            const int error = SSL_get_error(connection.ssl, static_cast<int>(count));
            return error == SSL_ERROR_WANT_READ ? Progress::more : Progress::failed;
        }
        connection.received += static_cast<std::size_t>(count);
        const auto size = answer_size({connection.answer.data(), connection.received});
        if (size < 0) return Progress::failed;
        if (size == static_cast<long>(connection.received)) return Progress::done;
    }
}

}  // namespace quorate::bench

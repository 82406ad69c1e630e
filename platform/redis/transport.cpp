#include "platform/redis/transport.hpp"

#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/x509_vfy.h>

#include "core/base/text.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::detail {

using asio::ip::tcp;

namespace {

constexpr std::size_t kReadsInARow = 16;
constexpr std::size_t kWordsMax = 120;  // of OpenSSL

bool is_ip_address(const std::string& host) {
    boost::system::error_code error;
    asio::ip::make_address(host, error);
    return !error;
}

}  // namespace

Task<> RedisTransport::connect(RedisAddress address, RedisTls tls) {
    close();
    tls_.reset();
    if (!address.socket_path.empty()) {
        const asio::local::stream_protocol::endpoint peer{address.socket_path};
        co_await socket_.async_connect(peer, asio::use_awaitable);
        co_return;
    }
    const bool secure = address.tls;
    co_await connect_tcp(address);
    if (secure) co_await shake_hands(std::move(address), std::move(tls));
}

Task<> RedisTransport::connect_tcp(RedisAddress address) {
    tcp::resolver resolver{socket_.get_executor()};
    const auto found = co_await resolver.async_resolve(
        address.host, std::to_string(address.port), asio::use_awaitable);
    boost::system::error_code error = asio::error::host_not_found;
    for (const auto& entry : found) {
        close();
        co_await socket_.async_connect(entry.endpoint(),
                                       asio::redirect_error(asio::use_awaitable, error));
        if (!error) break;
    }
    if (error) throw boost::system::system_error{error};
    socket_.set_option(tcp::no_delay{true});
    socket_.set_option(asio::socket_base::keep_alive{true});
}

Task<> RedisTransport::shake_hands(RedisAddress address, RedisTls tls) {
    const auto context = make_tls_context(
        {tls.ca_file.string(), tls.certificate_file.string(), tls.key_file.string()});
    const auto name = tls.server_name.empty() ? address.host : tls.server_name;
    socket_.native_non_blocking(true);
    tls_ = std::make_unique<TlsClient>(
        context, socket_.native_handle(), name, is_ip_address(name), SystemClock{}.utc_now());
    for (;;) {
        const auto step = tls_->handshake();
        if (step == TlsStep::done) co_return;
        co_await wait_for(step);
    }
}

/// Waits for what the step wants; throws where it wants nothing any more.
Task<> RedisTransport::wait_for(TlsStep step) {
    if (step != TlsStep::want_read && step != TlsStep::want_write) fail(step);
    const auto what =
        step == TlsStep::want_write ? asio::socket_base::wait_write : asio::socket_base::wait_read;
    co_await socket_.async_wait(what, asio::use_awaitable);
    // The wait may have ended well before somebody closed; its descriptor is not ours any more.
    if (!socket_.is_open()) throw boost::system::system_error{asio::error::operation_aborted};
}

void RedisTransport::fail(TlsStep step) const {
    if (const auto code = tls_->facts().verify_code; code != 0)
        throw RedisUnavailable{std::string{"its certificate is not valid: "} +
                               X509_verify_cert_error_string(code)};
    if (step == TlsStep::closed) throw boost::system::system_error{asio::error::eof};
    if (tls_->os_error() != 0)
        throw boost::system::system_error{tls_->os_error(), boost::system::system_category()};
    throw RedisUnavailable{"TLS failed: " + safe_text(tls_->error_text(), kWordsMax)};
}

Task<std::size_t> RedisTransport::read_some(std::span<char> into) {
    if (!tls_)
        co_return co_await socket_.async_read_some(asio::buffer(into.data(), into.size()),
                                                   asio::use_awaitable);
    for (;;) {
        std::size_t count = 0;
        const auto step = tls_->read(into, count);
        if (step == TlsStep::done) {
            // Reads that need not wait leave the executor's other work its turn.
            if (++reads_in_a_row_ >= kReadsInARow) {
                reads_in_a_row_ = 0;
                co_await asio::post(socket_.get_executor(), asio::use_awaitable);
            }
            co_return count;
        }
        reads_in_a_row_ = 0;
        co_await wait_for(step);
    }
}

Task<> RedisTransport::write(std::string_view bytes) {
    if (!tls_) {
        co_await asio::async_write(
            socket_, asio::buffer(bytes.data(), bytes.size()), asio::use_awaitable);
        co_return;
    }
    while (!bytes.empty()) {
        std::size_t count = 0;
        const auto step = tls_->write({bytes.data(), bytes.size()}, count);
        if (step == TlsStep::done)
            bytes.remove_prefix(count);
        else
            co_await wait_for(step);
    }
}

void RedisTransport::close() noexcept {
    if (tls_ && socket_.is_open()) tls_->say_goodbye();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace quorate::detail

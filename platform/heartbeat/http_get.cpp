#include "platform/heartbeat/http_get.hpp"

#include <stdexcept>
#include <utility>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace quorate {
namespace {

namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;

constexpr std::uint32_t kHeaderBytesMax = 8192;

ssl::context verifying_context(const std::string& ca_file) {
    ssl::context context{ssl::context::tls_client};
    context.set_verify_mode(ssl::verify_peer);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    boost::system::error_code error;
    if (ca_file.empty())
        context.set_default_verify_paths(error);
    else
        context.load_verify_file(ca_file, error);
    if (error) throw std::runtime_error{"no authorities can be read from " + ca_file};
    return context;
}

Task<> connect(tcp::socket& socket, const HttpUrl& url) {
    tcp::resolver resolver{socket.get_executor()};
    const auto found =
        co_await resolver.async_resolve(url.host, std::to_string(url.port), asio::use_awaitable);
    co_await asio::async_connect(socket, found, asio::use_awaitable);
}

template <class Stream>
Task<unsigned> exchange(Stream& stream, const HttpUrl& url) {
    http::request<http::empty_body> request{http::verb::get, url.target, 11};
    request.set(http::field::host, url.authority);
    request.set(http::field::user_agent, "quorate");
    request.set(http::field::connection, "close");
    co_await http::async_write(stream, request, asio::use_awaitable);
    boost::beast::flat_buffer buffer{kHeaderBytesMax};
    http::response_parser<http::empty_body> parser;
    parser.header_limit(kHeaderBytesMax);
    co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
    co_return parser.get().result_int();
}

/// Whom the certificate must name.
bool expect(SSL* ssl, const HttpUrl& url) {
    if (url.is_address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), url.host.c_str()) == 1;
    return SSL_set_tlsext_host_name(ssl, url.host.c_str()) == 1 &&
           SSL_set1_host(ssl, url.host.c_str()) == 1;
}

Task<> shake_hands(ssl::stream<tcp::socket>& stream, const HttpUrl& url) {
    if (!expect(stream.native_handle(), url))
        throw std::runtime_error{"no certificate can name its host"};
    boost::system::error_code error;
    co_await stream.async_handshake(ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return;
    const auto verified = SSL_get_verify_result(stream.native_handle());
    if (verified == X509_V_OK) throw boost::system::system_error{error};
    throw std::runtime_error{std::string{"its certificate is not valid: "} +
                             X509_verify_cert_error_string(verified)};
}

}  // namespace

Task<unsigned> http_get_status(HttpUrl url, std::string ca_file) {
    tcp::socket socket{co_await asio::this_coro::executor};
    if (!url.tls) {
        co_await connect(socket, url);
        co_return co_await exchange(socket, url);
    }
    auto context = verifying_context(ca_file);
    co_await connect(socket, url);
    ssl::stream<tcp::socket> stream{std::move(socket), context};
    co_await shake_hands(stream, url);
    co_return co_await exchange(stream, url);
}

}  // namespace quorate

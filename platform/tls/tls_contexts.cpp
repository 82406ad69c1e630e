#include "platform/tls/tls_contexts.hpp"

#include <stdexcept>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "platform/tls/revocation.hpp"
#include "platform/tls/tls_client.hpp"
#include "platform/tls/verified_chains.hpp"

namespace quorate {
namespace {

TlsContext make_context(const std::string& ca_file) {
    const auto chains = std::make_shared<VerifiedChains>();
    TlsContext context{SSL_CTX_new(TLS_client_method()),
                       [chains](SSL_CTX* owned) { SSL_CTX_free(owned); }};
    if (!context) throw std::runtime_error{"libssl gives no TLS client"};
    SSL_CTX_set_cert_verify_callback(context.get(), TlsClient::on_chain, chains.get());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    // Peers often skip close_notify. Whether a body is complete is told by its own framing.
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Otherwise a server that goes on and on with session tickets would keep SSL_read(), and with
    // it the whole loop, busy for as long as it likes.
    SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
    // One recv(2) for whatever is there, instead of two for each record.
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, TlsClient::on_verify);
    SSL_CTX_set_tlsext_status_type(context.get(), TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(context.get(), TlsClient::on_staple);
    static constexpr unsigned char kHttp11[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11 - 1);
    SSL_CTX_set_default_verify_paths(context.get());
    if (!ca_file.empty() && SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1) {
        ERR_clear_error();
        throw std::runtime_error{ca_file + ": no certificates in PEM can be read from it"};
    }
    use_loaded_crls(context.get());
    ERR_clear_error();  // a machine without authorities of its own is no error here
    return context;
}

}  // namespace

TlsContext TlsContexts::trusting(const std::string& ca_file) {
    const std::lock_guard lock{mutex_};
    auto& context = by_ca_file_[ca_file];
    if (!context) context = make_context(ca_file);
    return context;
}

}  // namespace quorate

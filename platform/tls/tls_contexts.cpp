#include "platform/tls/tls_contexts.hpp"

#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "platform/tls/revocation.hpp"
#include "platform/tls/tls_client.hpp"
#include "platform/tls/verified_chains.hpp"

namespace quorate {
namespace {

/// What all clients share.
TlsContext verifying_context() {
    const auto chains = std::make_shared<VerifiedChains>();
    TlsContext context{SSL_CTX_new(TLS_client_method()),
                       [chains](SSL_CTX* owned) { SSL_CTX_free(owned); }};
    if (!context) throw std::runtime_error{"libssl gives no TLS client"};
    SSL_CTX_set_cert_verify_callback(context.get(), TlsClient::on_chain, chains.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, TlsClient::on_verify);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                         SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Nobody needs it any more, and it would check chains long after the handshake.
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    // One recv(2) for whatever is there, instead of two for each record.
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    return context;
}

void trust(SSL_CTX* context, const std::string& ca_file) {
    if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return;
    ERR_clear_error();
    throw std::runtime_error{ca_file + ": no certificates in PEM can be read from it"};
}

/// A process without a terminal must not be asked for a passphrase.
int no_passphrase(char* /*into*/, int /*size*/, int /*writing*/, void* /*argument*/) {
    return 0;
}

void show(SSL_CTX* context, const TlsFiles& files) {
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    std::string problem;
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate_file.c_str()) != 1)
        problem = files.certificate_file + ": no certificate in PEM can be read from it";
    else if (SSL_CTX_use_PrivateKey_file(context, files.key_file.c_str(), SSL_FILETYPE_PEM) != 1)
        problem = files.key_file + ": is no key in PEM without a passphrase for the certificate";
    ERR_clear_error();
    if (!problem.empty()) throw std::runtime_error{problem};
}

std::unique_ptr<BIO, decltype(&BIO_free)> reader_of(std::string_view pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

struct FreeInfos {
    void operator()(STACK_OF(X509_INFO) * infos) const noexcept {
        sk_X509_INFO_pop_free(infos, X509_INFO_free);
    }
};

void trust_alone(SSL_CTX* context, std::string_view pem) {
    const auto reader = reader_of(pem);
    const std::unique_ptr<STACK_OF(X509_INFO), FreeInfos> infos{
        PEM_X509_INFO_read_bio(reader.get(), nullptr, no_passphrase, nullptr)};
    auto* store = SSL_CTX_get_cert_store(context);
    int certificates = 0;
    for (int i = 0; infos && i < sk_X509_INFO_num(infos.get()); ++i) {
        const auto* info = sk_X509_INFO_value(infos.get(), i);
        if (info->crl != nullptr) X509_STORE_add_crl(store, info->crl);
        if (info->x509 != nullptr) certificates += X509_STORE_add_cert(store, info->x509);
    }
    ERR_clear_error();
    if (certificates == 0) throw std::runtime_error{"tls.ca: there is no certificate in its PEM"};
}

void show(SSL_CTX* context, std::string_view pem) {
    using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
    const auto reader = reader_of(pem);
    int certificates = 0;
    while (const Certificate each{PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr),
                                  X509_free}) {
        if (++certificates == 1)
            SSL_CTX_use_certificate(context, each.get());
        else
            SSL_CTX_add1_chain_cert(context, each.get());
    }
    const auto again = reader_of(pem);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{
        PEM_read_bio_PrivateKey(again.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free};
    const bool fits = key && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    ERR_clear_error();
    if (certificates == 0)
        throw std::runtime_error{"tls.client: there is no certificate in its PEM"};
    if (!fits)
        throw std::runtime_error{
            "tls.client: its PEM has no key without a passphrase that fits its first certificate"};
}

/// The context of probes, which trusts nobody yet.
TlsContext probing_context() {
    auto context = verifying_context();
    // Peers often skip close_notify. Whether a body is complete is told by its own framing.
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    // Otherwise a server that goes on and on with session tickets would keep SSL_read(), and with
    // it the whole loop, busy for as long as it likes.
    SSL_CTX_clear_mode(context.get(), SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_tlsext_status_type(context.get(), TLSEXT_STATUSTYPE_ocsp);
    SSL_CTX_set_tlsext_status_cb(context.get(), TlsClient::on_staple);
    static constexpr unsigned char kHttp11[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11 - 1);
    return context;
}

TlsContext probing_context(const std::string& ca_file) {
    auto context = probing_context();
    SSL_CTX_set_default_verify_paths(context.get());
    if (!ca_file.empty()) trust(context.get(), ca_file);
    use_loaded_crls(context.get());
    ERR_clear_error();  // a machine without authorities of its own is no error here
    return context;
}

}  // namespace

TlsContext make_tls_context(const TlsFiles& files) {
    auto context = verifying_context();
    SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
    if (files.ca_file.empty())
        SSL_CTX_set_default_verify_paths(context.get());
    else
        trust(context.get(), files.ca_file);
    use_loaded_crls(context.get());
    ERR_clear_error();
    if (!files.certificate_file.empty()) show(context.get(), files);
    return context;
}

TlsContext TlsContexts::trusting(const std::string& ca_file) {
    const std::lock_guard lock{mutex_};
    auto& context = by_ca_file_[ca_file];
    if (!context) context = probing_context(ca_file);
    return context;
}

TlsContext TlsContexts::for_endpoint(const std::string& ca_file, const TlsPem& pem) {
    auto context = probing_context();
    if (pem.authorities.empty())
        SSL_CTX_set1_cert_store(context.get(), SSL_CTX_get_cert_store(trusting(ca_file).get()));
    else
        trust_alone(context.get(), pem.authorities);
    use_loaded_crls(context.get());
    if (!pem.client.empty()) show(context.get(), pem.client);
    return context;
}

}  // namespace quorate

#include "platform/tls/revocation.hpp"

#include <memory>

#include <openssl/ocsp.h>
#include <openssl/ssl.h>

namespace quorate {
namespace {

constexpr long kClockErrorS = 300;

using Id = std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)>;
using Basic = std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)>;

Basic stapled_response(SSL* ssl) {
    Basic none{nullptr, OCSP_BASICRESP_free};
    unsigned char* bytes = nullptr;
    const auto size = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);
    if (size <= 0) return none;
    const unsigned char* at = bytes;
    const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response{
        d2i_OCSP_RESPONSE(nullptr, &at, size), OCSP_RESPONSE_free};
    if (!response || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return none;
    return Basic{OCSP_response_get1_basic(response.get()), OCSP_BASICRESP_free};
}

/// Whether the response speaks of any certificate as revoked: nearly none does, and only one that
/// does is worth building the chain anew for a server whose chain is known.
bool names_any_revoked(OCSP_BASICRESP* basic) {
    for (int i = 0; i < OCSP_resp_count(basic); ++i) {
        auto* single = OCSP_resp_get0(basic, i);
        const auto status = OCSP_single_get0_status(single, nullptr, nullptr, nullptr, nullptr);
        if (status == V_OCSP_CERTSTATUS_REVOKED) return true;
    }
    return false;
}

/// Whether the response speaks of this certificate, now, as revoked.
bool names_revoked(OCSP_BASICRESP* basic, const X509* leaf, const X509* issuer) {
    for (const auto* digest : {EVP_sha1(), EVP_sha256()}) {
        const Id id{OCSP_cert_to_id(digest, leaf, issuer), OCSP_CERTID_free};
        int status = V_OCSP_CERTSTATUS_UNKNOWN;
        int reason = 0;
        ASN1_GENERALIZEDTIME* revoked_at = nullptr;
        ASN1_GENERALIZEDTIME* from = nullptr;
        ASN1_GENERALIZEDTIME* until = nullptr;
        if (!id || OCSP_resp_find_status(
                       basic, id.get(), &status, &reason, &revoked_at, &from, &until) != 1)
            continue;
        return status == V_OCSP_CERTSTATUS_REVOKED &&
               OCSP_check_validity(from, until, kClockErrorS, -1) == 1;
    }
    return false;
}

void free_chain(STACK_OF(X509) * chain) {
    sk_X509_pop_free(chain, X509_free);
}
using Chain = std::unique_ptr<STACK_OF(X509), decltype(&free_chain)>;

/// The verified chain of what the server sent.
Chain build_chain(SSL* ssl) {
    Chain none{nullptr, free_chain};
    const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> store{
        X509_STORE_CTX_new(), X509_STORE_CTX_free};
    auto* trusted = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
    if (!store || X509_STORE_CTX_init(store.get(),
                                      trusted,
                                      SSL_get0_peer_certificate(ssl),
                                      SSL_get_peer_cert_chain(ssl)) != 1)
        return none;
    X509_STORE_CTX_set_default(store.get(), "ssl_server");
    if (X509_verify_cert(store.get()) != 1) return none;
    return Chain{X509_STORE_CTX_get1_chain(store.get()), free_chain};
}

}  // namespace

bool staple_says_revoked(ssl_st* ssl) {
    const auto basic = stapled_response(ssl);
    if (!basic || !names_any_revoked(basic.get())) return false;
    Chain built{nullptr, free_chain};
    auto* chain = SSL_get0_verified_chain(ssl);
    if (chain == nullptr) {  // it was known from before
        built = build_chain(ssl);
        chain = built.get();
    }
    if (chain == nullptr || sk_X509_num(chain) == 0) return false;
    const auto* leaf = sk_X509_value(chain, 0);
    const auto* issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : leaf;
    // The signature last: it costs, and "good" decides nothing.
    return names_revoked(basic.get(), leaf, issuer) &&
           OCSP_basic_verify(basic.get(), chain, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), 0) ==
               1;
}

void use_loaded_crls(ssl_ctx_st* context) {
    const auto* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
    for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
        if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) != X509_LU_CRL) continue;
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
        return;
    }
}

bool is_missing_crl(int verify_code) {
    return verify_code == X509_V_ERR_UNABLE_TO_GET_CRL ||
           verify_code == X509_V_ERR_CRL_NOT_YET_VALID || verify_code == X509_V_ERR_CRL_HAS_EXPIRED;
}

}  // namespace quorate

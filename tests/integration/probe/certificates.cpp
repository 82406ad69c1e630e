#include "tests/integration/probe/certificates.hpp"

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <unistd.h>

namespace quorate {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Memory = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Time = std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)>;

constexpr long kDayS = 86400;

Key make_key(const std::string& kind = "EC") {
    return {kind == "EC" ? EVP_EC_gen("P-256") : EVP_RSA_gen(1024), EVP_PKEY_free};
}

Time days_from_now(int days) {
    return {X509_gmtime_adj(nullptr, days * kDayS), ASN1_TIME_free};
}

std::string text_of(BIO* memory) {
    char* bytes = nullptr;
    const auto size = BIO_get_mem_data(memory, &bytes);
    return {bytes, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
    const Memory memory{BIO_new(BIO_s_mem()), BIO_free};
    PEM_write_bio_X509(memory.get(), certificate);
    return text_of(memory.get());
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    if (extension == nullptr) throw std::runtime_error{"no such extension: " + value};
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/// A certificate that nobody has signed yet.
Certificate make_certificate(
    EVP_PKEY* key, const std::string& name, int from_days, int until_days, X509* issuer) {
    static std::atomic<long> serial = 1;
    Certificate made{X509_new(), X509_free};
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from_days * kDayS);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until_days * kDayS);
    X509_set_pubkey(made.get(), key);
    auto* subject = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0);
    X509_set_issuer_name(made.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    return made;
}

/// A certificate with its key.
struct Identity {
    Key key{nullptr, EVP_PKEY_free};
    Certificate certificate{nullptr, X509_free};
};

/// Longer than servers' certificates, which may be made in a later second.
constexpr int kAuthorityDays = 91;

/// @param issuer  nullptr: itself
Identity make_authority(const std::string& name,
                        const Identity* issuer,
                        int until_days,
                        bool may_vouch = true) {
    Identity made;
    made.key = make_key();
    auto* issued_by = issuer != nullptr ? issuer->certificate.get() : nullptr;
    made.certificate = make_certificate(made.key.get(), name, -60, until_days, issued_by);
    auto* certificate = made.certificate.get();
    auto* above = issued_by != nullptr ? issued_by : certificate;
    add_extension(certificate,
                  above,
                  NID_basic_constraints,
                  may_vouch ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (may_vouch) add_extension(certificate, above, NID_key_usage, "critical,keyCertSign,cRLSign");
    auto* key = issuer != nullptr ? issuer->key.get() : made.key.get();
    X509_sign(certificate, key, EVP_sha256());
    return made;
}

/// A DER-encoded OCSP response, as a server staples it.
std::string staple(Staple kind, X509* leaf, const Identity& issuer) {
    if (kind == Staple::unreadable) return "not an OCSP response";
    auto* certificate = issuer.certificate.get();
    const auto stranger = make_authority("A stranger", nullptr, 90);
    const auto other = make_certificate(stranger.key.get(), "other", -1, 90, certificate);
    const auto& signer = kind == Staple::revoked_by_a_stranger ? stranger : issuer;
    auto* subject = kind == Staple::of_another ? other.get() : leaf;
    const std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> basic{
        OCSP_BASICRESP_new(), OCSP_BASICRESP_free};
    auto* id = OCSP_cert_to_id(EVP_sha1(), subject, certificate);
    const bool is_old = kind == Staple::revoked_out_of_date;
    const auto from = days_from_now(is_old ? -30 : -1);
    const auto until = days_from_now(is_old ? -20 : 7);
    const bool is_good = kind == Staple::good;
    OCSP_basic_add1_status(basic.get(),
                           id,
                           is_good ? V_OCSP_CERTSTATUS_GOOD : V_OCSP_CERTSTATUS_REVOKED,
                           OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                           is_good ? nullptr : from.get(),
                           from.get(),
                           until.get());
    OCSP_CERTID_free(id);
    OCSP_basic_sign(
        basic.get(), signer.certificate.get(), signer.key.get(), EVP_sha256(), nullptr, 0);
    const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response{
        OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()), OCSP_RESPONSE_free};
    unsigned char* bytes = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &bytes);
    std::string text{reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size)};
    OPENSSL_free(bytes);
    return text;
}

int give_staple(SSL* ssl, void* argument) {
    const auto& text = *static_cast<const std::string*>(argument);
    if (text.empty()) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(
        ssl, OPENSSL_memdup(text.data(), text.size()), static_cast<long>(text.size()));
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TemporaryFile::TemporaryFile(std::string_view text)
    : path_{(std::filesystem::temp_directory_path() / "quorate-test-XXXXXX").string()} {
    const int descriptor = ::mkstemp(path_.data());
    if (descriptor < 0) throw std::runtime_error{"no temporary file"};
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(descriptor);
    if (!written) throw std::runtime_error{"no room for a temporary file"};
}

TemporaryFile::~TemporaryFile() {
    ::unlink(path_.c_str());
}

struct TestAuthority::Material {
    explicit Material(const std::string& name)
        : root{make_authority(name, nullptr, kAuthorityDays)} {}

    Identity root;
    Identity intermediate = make_authority("Quorate test intermediate", &root, kAuthorityDays);
    Identity expired = make_authority("Quorate test intermediate", &root, -1);
    Identity ending = make_authority("Quorate test intermediate", &root, 10);
    Identity no_authority = make_authority("Quorate test server", &root, 90, false);
    TemporaryFile file{pem_of(root.certificate.get())};

    const Identity& issuer(Via via) const {
        switch (via) {
            case Via::intermediate:
            case Via::missing_intermediate:
                return intermediate;
            case Via::expired_intermediate:
                return expired;
            case Via::short_intermediate:
                return ending;
            case Via::no_authority:
                return no_authority;
            case Via::authority:
            case Via::itself:
                break;
        }
        return root;
    }
};

TestAuthority::TestAuthority(const std::string& name)
    : material_{std::make_unique<Material>(name)} {}
TestAuthority::~TestAuthority() = default;

const std::string& TestAuthority::ca_file() const {
    return material_->file.path();
}

std::string TestAuthority::pem() const {
    return pem_of(material_->root.certificate.get());
}

std::string TestAuthority::intermediate_pem() const {
    return pem_of(material_->intermediate.certificate.get());
}

std::string TestAuthority::crl_pem(ssl_ctx_st* server, int valid_days) const {
    const auto& root = material_->root;
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list{X509_CRL_new(), X509_CRL_free};
    X509_CRL_set_version(list.get(), 1);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(root.certificate.get()));
    const auto from = days_from_now(-30);
    const auto until = days_from_now(valid_days);
    X509_CRL_set1_lastUpdate(list.get(), from.get());
    X509_CRL_set1_nextUpdate(list.get(), until.get());
    auto* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(SSL_CTX_get0_certificate(server)));
    X509_REVOKED_set_revocationDate(entry, from.get());
    X509_CRL_add0_revoked(list.get(), entry);
    X509_CRL_sort(list.get());
    X509_CRL_sign(list.get(), root.key.get(), EVP_sha256());
    const Memory memory{BIO_new(BIO_s_mem()), BIO_free};
    PEM_write_bio_X509_CRL(memory.get(), list.get());
    return text_of(memory.get());
}

std::shared_ptr<ssl_ctx_st> TestAuthority::server(const CertificatePlan& plan) const {
    const auto key = make_key(plan.key);
    const bool self_signed = plan.via == Via::itself;
    const auto& issuer = material_->issuer(plan.via);
    const auto certificate = make_certificate(key.get(),
                                              "server",
                                              plan.valid_from_days,
                                              plan.valid_until_days,
                                              self_signed ? nullptr : issuer.certificate.get());
    const auto name = plan.name.rfind("IP:", 0) == 0 ? plan.name : "DNS:" + plan.name;
    auto* leaf = certificate.get();
    auto* above = self_signed ? leaf : issuer.certificate.get();
    add_extension(leaf, above, NID_subject_alt_name, name);
    if (!plan.usage.empty()) add_extension(leaf, above, NID_ext_key_usage, plan.usage);
    X509_sign(leaf,
              self_signed ? key.get() : issuer.key.get(),
              EVP_get_digestbyname(plan.digest.c_str()));

    const auto stapled = std::make_shared<std::string>();
    if (plan.staple != Staple::none) *stapled = staple(plan.staple, leaf, issuer);
    auto* made = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(made, 0);
    SSL_CTX_set_min_proto_version(made, TLS1_VERSION);
    SSL_CTX_use_certificate(made, leaf);
    SSL_CTX_use_PrivateKey(made, key.get());
    const bool sends_issuer = plan.via != Via::authority && plan.via != Via::itself &&
                              plan.via != Via::missing_intermediate;
    if (sends_issuer) SSL_CTX_add1_chain_cert(made, issuer.certificate.get());
    if (plan.sends_root) SSL_CTX_add1_chain_cert(made, material_->root.certificate.get());
    SSL_CTX_set_mode(made, SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_tlsext_status_cb(made, give_staple);
    SSL_CTX_set_tlsext_status_arg(made, stapled.get());
    return {made, [stapled](ssl_ctx_st* context) { SSL_CTX_free(context); }};
}

ClientPem TestAuthority::client() const {
    const auto made = server({.usage = "clientAuth"});
    auto* key = SSL_CTX_get0_privatekey(made.get());
    const Memory plain{BIO_new(BIO_s_mem()), BIO_free};
    PEM_write_bio_PKCS8PrivateKey(plain.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    const Memory locked{BIO_new(BIO_s_mem()), BIO_free};
    PEM_write_bio_PKCS8PrivateKey(
        locked.get(), key, EVP_aes_128_cbc(), "passphrase", 10, nullptr, nullptr);
    return {
        pem_of(SSL_CTX_get0_certificate(made.get())), text_of(plain.get()), text_of(locked.get())};
}

void TestAuthority::ask_clients(ssl_ctx_st* server, bool demands) const {
    SSL_CTX_load_verify_file(server, ca_file().c_str());
    const int mode = SSL_VERIFY_PEER | (demands ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(server, mode, nullptr);
}

}  // namespace quorate

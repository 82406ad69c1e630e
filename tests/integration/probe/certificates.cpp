#include "tests/integration/probe/certificates.hpp"

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdlib.h>
#include <unistd.h>

namespace quorate {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key make_key() {
    return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    if (extension == nullptr) throw std::runtime_error{"no such extension: " + value};
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

Certificate make_certificate(EVP_PKEY* key,
                             const std::string& name,
                             const CertificatePlan& plan,
                             X509* issuer) {
    static long serial = 1;
    Certificate made{X509_new(), X509_free};
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
    constexpr long kDayS = 86400;
    X509_gmtime_adj(X509_getm_notBefore(made.get()), plan.valid_from_days * kDayS);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), plan.valid_until_days * kDayS);
    X509_set_pubkey(made.get(), key);
    auto* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject,
                               "CN",
                               MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()),
                               -1,
                               -1,
                               0);
    X509_set_issuer_name(made.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
    return made;
}

}  // namespace

struct TestAuthority::Material {
    Key key = make_key();
    Certificate certificate{nullptr, X509_free};
};

TestAuthority::TestAuthority() : material_{std::make_unique<Material>()} {
    auto* key = material_->key.get();
    material_->certificate = make_certificate(key, "Quorate test authority", {}, nullptr);
    auto* certificate = material_->certificate.get();
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
    X509_sign(certificate, key, EVP_sha256());
    auto path = (std::filesystem::temp_directory_path() / "quorate-test-ca-XXXXXX").string();
    const int descriptor = ::mkstemp(path.data());
    std::FILE* file = ::fdopen(descriptor, "w");
    if (file == nullptr) throw std::runtime_error{"no temporary file"};
    PEM_write_X509(file, certificate);
    std::fclose(file);
    ca_file_ = std::move(path);
}

TestAuthority::~TestAuthority() {
    ::unlink(ca_file_.c_str());
}

std::shared_ptr<ssl_ctx_st> TestAuthority::server(const CertificatePlan& plan) const {
    const auto key = make_key();
    auto* issuer = plan.self_signed ? nullptr : material_->certificate.get();
    const auto certificate = make_certificate(key.get(), "server", plan, issuer);
    const auto name = plan.name.rfind("IP:", 0) == 0 ? plan.name : "DNS:" + plan.name;
    add_extension(certificate.get(),
                  issuer != nullptr ? issuer : certificate.get(),
                  NID_subject_alt_name,
                  name);
    X509_sign(certificate.get(), plan.self_signed ? key.get() : material_->key.get(), EVP_sha256());
    std::shared_ptr<ssl_ctx_st> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    SSL_CTX_use_certificate(context.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), key.get());
    return context;
}

}  // namespace quorate

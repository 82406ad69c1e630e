#pragma once

#include <memory>
#include <string>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tests/integration/probe/certificates.hpp"

namespace quorate {

/// A certificate of the authority with its key, as two PEM files.
struct CertificateFiles {
    explicit CertificateFiles(const TestAuthority& authority,
                              const CertificatePlan& plan = on_loopback())
        : context{authority.server(plan)} {}

    static CertificatePlan on_loopback() {
        CertificatePlan plan;
        plan.name = "IP:127.0.0.1";
        return plan;
    }

    template <class Write>
    static std::string pem(const Write& write) {
        const std::unique_ptr<BIO, decltype(&BIO_free)> memory{BIO_new(BIO_s_mem()), BIO_free};
        write(memory.get());
        char* bytes = nullptr;
        const auto size = BIO_get_mem_data(memory.get(), &bytes);
        return {bytes, static_cast<std::size_t>(size)};
    }

    std::shared_ptr<ssl_ctx_st> context;
    TemporaryFile certificate{
        pem([this](BIO* to) { PEM_write_bio_X509(to, SSL_CTX_get0_certificate(context.get())); })};
    TemporaryFile key{pem([this](BIO* to) {
        PEM_write_bio_PrivateKey(
            to, SSL_CTX_get0_privatekey(context.get()), nullptr, nullptr, 0, nullptr, nullptr);
    })};
};

}  // namespace quorate

#include "coordinator/admin/admin_tls.hpp"

#include <stdexcept>
#include <string>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace quorate::coordinator {
namespace {

struct FreeContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

[[noreturn]] void refuse(const std::filesystem::path& file, const char* what) {
    const auto code = ERR_peek_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    throw std::runtime_error{file.string() + " " + what +
                             (reason == nullptr ? "" : " (" + std::string{reason} + ")")};
}

/// gRPC would start with bad files, and fail each handshake without a word.
void require_usable(const AdminTls& files) {
    const std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_server_method())};
    if (!context) throw std::runtime_error{"no TLS from OpenSSL"};
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
        refuse(files.certificate, "is no certificate in PEM that we can read");
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
        refuse(files.key, "is no private key of the certificate, in PEM and readable");
    if (!files.client_ca.empty() &&
        SSL_CTX_load_verify_locations(context.get(), files.client_ca.c_str(), nullptr) != 1)
        refuse(files.client_ca, "holds no certificates in PEM that we can read");
}

}  // namespace

std::string tls_problem(const AdminTls& files) {
    try {
        require_usable(files);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return {};
}

std::shared_ptr<grpc::ServerCredentials> tls_credentials(const AdminTls& files) {
    namespace tls = grpc::experimental;
    require_usable(files);
    const auto provider = std::make_shared<tls::FileWatcherCertificateProvider>(
        files.key.string(), files.certificate.string(), files.client_ca.string(), kTlsFilesEvery);
    tls::TlsServerCredentialsOptions options{provider};
    options.watch_identity_key_cert_pairs();
    if (!files.client_ca.empty()) {
        options.watch_root_certs();
        options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
    }
    return tls::TlsServerCredentials(options);
}

}  // namespace quorate::coordinator

#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <grpcpp/security/server_credentials.h>

namespace quorate::coordinator {

/// Files in PEM.
struct AdminTls {
    std::filesystem::path certificate;  ///< ours, with its chain; empty: no TLS
    std::filesystem::path key;
    std::filesystem::path client_ca;  ///< who signs clients; empty: no client certificates

    bool on() const { return !certificate.empty(); }
};

/// Credentials that follow the files: what is written there later counts for new connections within
/// kTlsFilesEvery. A client need not have a certificate, but one that it has must be good. Throws
/// std::runtime_error with one line that names the file which is of no use.
std::shared_ptr<grpc::ServerCredentials> tls_credentials(const AdminTls& files);

/// Which of the files is of no use, in one line; empty: none.
std::string tls_problem(const AdminTls& files);

inline constexpr unsigned kTlsFilesEvery = 30;  ///< seconds

}  // namespace quorate::coordinator

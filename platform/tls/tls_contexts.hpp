#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace quorate {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// Whom connections to a service of our own trust, and what they show of themselves.
struct TlsFiles {
    std::string ca_file;           ///< PEM; they alone are trusted. Empty: the system's authorities
    std::string certificate_file;  ///< PEM, with its chain, for servers that ask; empty: none
    std::string key_file;          ///< its key, PEM, without a passphrase
};

/// A client context for such a service: TLS 1.2 and 1.3, peers verified, no ALPN, no session
/// resumption. Reads the files now. Throws std::runtime_error with one line that names the file
/// where one is of no use.
TlsContext make_tls_context(const TlsFiles& files);

/// What one endpoint asks for, in PEM that somebody else holds and wipes.
struct TlsPem {
    std::string_view authorities;  ///< they alone are trusted; CRLs in it are heeded. Empty: others
    std::string_view client;       ///< our certificate, its chain and its key; empty: none
};

/// One client SSL_CTX per set of certificate authorities, shared by all connections: TLS 1.2 and
/// 1.3, peers verified, also against stapled OCSP responses, no session resumption, buffers
/// released while idle. Safe from any thread.
class TlsContexts {
public:
    /// The context that trusts the system's authorities and, where `ca_file` is not empty, those in
    /// that PEM file; CRLs in it are heeded. The file is read once, at the first call. Throws
    /// std::runtime_error with one line that names the file where it cannot be read.
    TlsContext trusting(const std::string& ca_file);
    /// A context of its own, which holds the key for as long as it lives; without authorities of
    /// its own it trusts as trusting() does. Throws std::runtime_error with one line that says
    /// which is of no use, and nothing of what is in it.
    TlsContext for_endpoint(const std::string& ca_file, const TlsPem& pem);

private:
    std::mutex mutex_;
    std::map<std::string, TlsContext> by_ca_file_;
};

}  // namespace quorate

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/time/time.hpp"
#include "platform/tls/tls_contexts.hpp"

struct ssl_st;
struct x509_store_ctx_st;

namespace quorate {

/// What the certificates of a handshake say, also where verification failed.
struct TlsFacts {
    std::string version;  ///< "TLSv1.3"; empty until the handshake is done
    std::optional<UtcTime> not_after;
    std::optional<UtcTime> earliest_not_after;  ///< over the verified chain, or the one sent
    std::string issuer;                         ///< of the leaf, RFC 2253
    int verify_code = 0;                        ///< X509_V_…
    int verify_depth = 0;
};

enum class TlsStep {
    done,
    want_read,
    want_write,
    closed,  ///< end of stream, with or without close_notify
    failed,  ///< see os_error(), facts().verify_code, error_text()
};

/// One TLS connection on a non-blocking, connected socket. Does not own the descriptor, sends
/// nothing on destruction, never raises SIGPIPE. Not safe for several threads; not movable, since
/// OpenSSL keeps its address.
class TlsClient {
public:
    /// `host` is verified as a name, sent as SNI, or, when `is_address`, verified as an IP address.
    /// `now` is when a chain that was verified before must still hold.
    /// Throws std::bad_alloc where OpenSSL has no memory.
    TlsClient(
        const TlsContext& context, int descriptor, std::string host, bool is_address, UtcTime now);
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient();

    /// A call that has sent something reads nothing any more: it wants to read instead, and the
    /// next one does. So the caller learns when the peer's answer comes, however quickly it does.
    TlsStep handshake();
    /// `done` with `count` > 0 bytes, or why not.
    TlsStep read(std::span<char> into, std::size_t& count);
    TlsStep write(std::span<const char> bytes, std::size_t& count);
    /// Whether bytes were received that read() has not given out; they may be too few for it.
    bool has_pending() const;
    /// Whether the socket held less than was last asked of it. `want_read` alone does not say so.
    bool drained() const { return line_.drained; }
    /// Whether the last call gave the socket bytes.
    bool sent() const { return line_.sent; }
    /// Sends close_notify if the socket takes it at once.
    void say_goodbye();

    const TlsFacts& facts() const { return facts_; }
    /// errno of the last failed call; 0 where the trouble was not the socket's.
    int os_error() const { return os_error_; }
    /// OpenSSL's words for the last failure; may be empty.
    const std::string& error_text() const { return error_text_; }

    /// What OpenSSL reads from and writes to.
    struct Line {
        int descriptor = -1;
        bool drained = false;
        bool sent = false;
    };

    /// OpenSSL calls it to verify a chain; TlsContexts installs it with its VerifiedChains.
    static int on_chain(x509_store_ctx_st* store, void* chains);
    /// OpenSSL calls it for each certificate; TlsContexts installs it.
    static int on_verify(int ok, x509_store_ctx_st* store);
    /// OpenSSL calls it behind a verified chain, whether or not there is a stapled OCSP response.
    static int on_staple(ssl_st* ssl, void* argument);

private:
    void begin_call();
    TlsStep outcome_of(int result);
    void keep_certificates(x509_store_ctx_st* store);

    struct Free {
        void operator()(ssl_st* ssl) const noexcept;
    };
    std::string peer_;
    UtcTime now_;
    Line line_;  // before `ssl_`, which points to it
    std::unique_ptr<ssl_st, Free> ssl_;
    TlsFacts facts_;
    int os_error_ = 0;
    std::string error_text_;
};

}  // namespace quorate

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct ssl_ctx_st;
struct ssl_st;

namespace quorate {

/// Makes a server's TLS 1.3 records by hand, where OpenSSL would make others: several messages in
/// one record, as rustls sends its tickets, or records of a byte. From the first one on, all that
/// the server says on that connection must be made here.
class TlsRecords {
public:
    /// Connections of this context are fit for it. Its secrets are kept by thread, so that a
    /// TlsRecords is made on the thread that did the handshake.
    static void prepare(ssl_ctx_st* context);

    /// @param written  how many records OpenSSL has written behind the handshake
    explicit TlsRecords(std::uint64_t written);

    std::string data(std::string_view bytes);
    /// `count` session tickets in one record.
    std::string tickets(int count);

private:
    std::string seal(char type, std::string_view content);

    std::string key_;
    std::string iv_;
    std::uint64_t number_;
};

}  // namespace quorate

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_ctx_st;

namespace quorate {

/// Who vouches for a server's certificate.
enum class Via : std::uint8_t {
    authority,             ///< the test's authority itself
    intermediate,          ///< an authority below it, whose certificate the server sends
    missing_intermediate,  ///< the same, and the server forgets to send it
    expired_intermediate,
    short_intermediate,  ///< ends in 10 days
    no_authority,        ///< a certificate that may not vouch for others
    itself,
};

/// The OCSP response that a server staples to its certificate.
enum class Staple : std::uint8_t {
    none,
    good,
    revoked,
    revoked_out_of_date,
    revoked_by_a_stranger,  ///< signed by another authority
    of_another,             ///< speaks of another certificate
    unreadable,
};

/// What a server's certificate is to say.
struct CertificatePlan {
    std::string name = "localhost";  ///< DNS name; IP addresses as `IP:127.0.0.1`
    int valid_from_days = -1;
    int valid_until_days = 90;
    Via via = Via::authority;
    bool sends_root = false;        ///< the authority's own certificate too
    std::string key = "EC";         ///< P-256; or `RSA-1024`
    std::string digest = "SHA256";  ///< that it is signed over
    std::string usage = {};         ///< extended key usage; empty: not said
    Staple staple = Staple::none;
};

/// A file of a test, for as long as it lives.
class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view text);
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile();
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// A client's certificate and its key, each in PEM.
struct ClientPem {
    std::string certificate;
    std::string key;
    std::string locked_key;  ///< the same key, behind a passphrase
};

/// The authority of the tests, in a PEM file of its own for as long as it lives.
class TestAuthority {
public:
    explicit TestAuthority(const std::string& name = "Quorate test authority");
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;
    ~TestAuthority();

    const std::string& ca_file() const;
    /// Its certificate in PEM.
    std::string pem() const;
    /// That of the intermediate authority.
    std::string intermediate_pem() const;
    /// A CRL in PEM, in force for `valid_days` (negative: out of date), that revokes the server's
    /// certificate.
    std::string crl_pem(ssl_ctx_st* server, int valid_days) const;
    /// A server context with such a certificate. Any protocol version and any key is fine with it.
    std::shared_ptr<ssl_ctx_st> server(const CertificatePlan& plan) const;
    ClientPem client() const;
    /// Makes a server ask whoever comes for a certificate of this authority.
    /// @param demands  and turn away who has none
    void ask_clients(ssl_ctx_st* server, bool demands) const;

private:
    struct Material;
    std::unique_ptr<Material> material_;
};

}  // namespace quorate

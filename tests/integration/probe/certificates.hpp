#pragma once

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace quorate {

/// What a server's certificate is to say.
struct CertificatePlan {
    std::string name = "localhost";  ///< DNS name; IP addresses as `IP:127.0.0.1`
    int valid_from_days = -1;
    int valid_until_days = 90;
    bool self_signed = false;  ///< by itself, not by the test's authority
};

/// The authority of the tests, in a PEM file of its own for as long as it lives.
class TestAuthority {
public:
    TestAuthority();
    TestAuthority(const TestAuthority&) = delete;
    TestAuthority& operator=(const TestAuthority&) = delete;
    ~TestAuthority();

    const std::string& ca_file() const { return ca_file_; }
    /// A server context with such a certificate.
    std::shared_ptr<ssl_ctx_st> server(const CertificatePlan& plan) const;

private:
    struct Material;
    std::unique_ptr<Material> material_;
    std::string ca_file_;
};

}  // namespace quorate

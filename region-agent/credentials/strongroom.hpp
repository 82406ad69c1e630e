#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/job.hpp"
#include "platform/crypto/sealed_box.hpp"
#include "probe/request.hpp"

namespace quorate::agent {

/// The region's private keys.
class Strongroom {
public:
    /// Opens nothing.
    Strongroom() = default;
    /// Throws std::runtime_error with one line that names the file which is of no use.
    explicit Strongroom(const std::vector<std::string>& files);
    explicit Strongroom(std::vector<BoxPrivateKey> keys) : keys_{std::move(keys)} {}

    bool has_keys() const { return !keys_.empty(); }
    /// The ids of their public keys, the first one first.
    std::vector<std::string> ids() const;

    /// What was opened of a job, or why nothing was, in a sentence that holds no secret.
    struct Opened {
        std::shared_ptr<const SecretHeaders> headers;  ///< null: none
        std::shared_ptr<const TlsSecrets> tls;         ///< null: none
        std::string why_not;                           ///< empty: it was opened
    };
    /// Of a job that wants credentials.
    Opened open(const Job& job) const;

private:
    std::vector<BoxPrivateKey> keys_;
};

}  // namespace quorate::agent

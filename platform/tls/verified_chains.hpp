#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/lru_cache.hpp"
#include "core/time/time.hpp"

struct x509_store_ctx_st;

namespace quorate {

/// What a certificate chain that was verified says.
struct VerifiedChain {
    UtcTime not_before;          ///< the latest of the chain
    UtcTime earliest_not_after;  ///< of the chain
    UtcTime not_after;           ///< of the leaf
    std::string issuer;          ///< of the leaf, RFC 2253
    UtcTime verified_at;
};

/// Remembers chains that were verified in full, by the bytes of every certificate that the server
/// sent and by the name they were verified for: whether they are sound is a pure function of these,
/// the trusted authorities and the time. Each handshake still proves that the server holds the
/// leaf's key. A chain is believed while all its certificates are valid, for an hour at most.
/// Bounded; belongs to one set of authorities. Safe from any thread.
class VerifiedChains {
public:
    /// The name of what `store` is about to verify, for `peer` (a host name or an IP address).
    static Sha256 key_of(x509_store_ctx_st* store, std::string_view peer);
    /// What is known of the chain and still holds at `now`.
    std::optional<VerifiedChain> find(const Sha256& key, UtcTime now);
    void keep(const Sha256& key, VerifiedChain chain);

private:
    std::mutex mutex_;
    LruCache<Sha256, VerifiedChain, HashOfSha256> chains_{std::size_t{1} << 16U};
};

}  // namespace quorate

#include "platform/tls/verified_chains.hpp"

#include <array>
#include <utility>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace quorate {
namespace {

constexpr std::chrono::hours kBelieved{1};

}  // namespace

Sha256 VerifiedChains::key_of(x509_store_ctx_st* store, std::string_view peer) {
    std::string text{peer};
    text.push_back('\0');
    const auto add = [&](const X509* certificate) {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned size = 0;
        X509_digest(certificate, EVP_sha256(), digest.data(), &size);
        text.append(digest.begin(), digest.begin() + size);
    };
    add(X509_STORE_CTX_get0_cert(store));
    const auto* sent = X509_STORE_CTX_get0_untrusted(store);
    for (int i = 0; i < sk_X509_num(sent); ++i)
        add(sk_X509_value(sent, i));
    return sha256(text);
}

std::optional<VerifiedChain> VerifiedChains::find(const Sha256& key, UtcTime now) {
    const std::lock_guard lock{mutex_};
    const auto* chain = chains_.find(key);
    if (chain == nullptr) return std::nullopt;
    const bool holds = now >= chain->not_before && now < chain->earliest_not_after &&
                       now >= chain->verified_at && now - chain->verified_at < kBelieved;
    if (!holds) return std::nullopt;
    return *chain;
}

void VerifiedChains::keep(const Sha256& key, VerifiedChain chain) {
    const std::lock_guard lock{mutex_};
    chains_.put(key, std::move(chain));
}

}  // namespace quorate

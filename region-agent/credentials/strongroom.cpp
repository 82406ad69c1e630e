#include "region-agent/credentials/strongroom.hpp"

#include <algorithm>
#include <utility>

#include "core/base/text.hpp"
#include "core/model/credentials.hpp"

namespace quorate::agent {
namespace {

constexpr std::size_t kReasonMax = 200;

Strongroom::Opened closed(std::string why) {
    return {nullptr, nullptr, std::move(why)};
}

}  // namespace

Strongroom::Strongroom(const std::vector<std::string>& files) {
    for (const auto& file : files)
        keys_.push_back(BoxPrivateKey::from_file(file));
}

std::vector<std::string> Strongroom::ids() const {
    std::vector<std::string> ids;
    for (const auto& key : keys_)
        ids.push_back(key.public_key().id());
    return ids;
}

Strongroom::Opened Strongroom::open(const Job& job) const {
    if (job.credentials.empty())
        return closed("No credential came with the job: " +
                      (job.credentials_missing.empty()
                           ? std::string{"the coordinator says not why"}
                           : safe_text(job.credentials_missing, kReasonMax)));
    if (keys_.empty())
        return closed("The agent has no private key to open credentials (credential_keys)");
    const auto id = box_key_id(job.credentials);
    const auto key = std::ranges::find_if(
        keys_, [&id](const auto& each) { return each.public_key().id() == id; });
    if (key == keys_.end())
        return closed("The credential is sealed for the key " + id +
                      ", which the agent does not have (credential_keys)");
    const auto plain = open_box(*key, job.credentials, credential_binding(job));
    if (!plain)
        return closed(
            "The credential does not open: it was changed, or is another endpoint's, "
            "URL's or canary's");
    const auto found = read_credentials(plain->view());
    if (!found) return closed("The credential is of a later version than the agent");
    SecretHeaders headers;
    TlsSecrets tls;
    for (const auto& credential : *found) {
        SecretBytes value{credential.value};
        switch (credential.kind) {
            case CredentialKind::header:
                headers.push_back({std::string{credential.header}, std::move(value)});
                break;
            case CredentialKind::tls_ca:
                tls.authorities = std::move(value);
                break;
            case CredentialKind::tls_client:
                tls.client = std::move(value);
                break;
        }
    }
    Opened opened;
    if (!headers.empty())
        opened.headers = std::make_shared<const SecretHeaders>(std::move(headers));
    if (!tls.authorities.empty() || !tls.client.empty())
        opened.tls = std::make_shared<const TlsSecrets>(std::move(tls));
    return opened;
}

}  // namespace quorate::agent

#include "coordinator/secrets/vault.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/text.hpp"
#include "platform/crypto/aead.hpp"
#include "platform/runtime/overloaded.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::string_view kPem = "-----BEGIN ";

/// A text that is wiped when it goes.
struct Wiped {
    Wiped() = default;
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { wipe(text); }
    std::string text;
};

/// What is wrong with the form of a secret for what it is used as; empty: nothing.
std::string problem_of(const CredentialUse& use, std::string_view value) {
    const bool pem = value.starts_with(kPem);
    if (use.kind == CredentialKind::header && !is_header_value(value))
        return "can't stand in the header " + use.header;
    if (use.kind != CredentialKind::header && !pem) return "is no PEM";
    return {};
}

}  // namespace

Vault::Vault(asio::any_io_executor executor, VaultContext context)
    : context_{context}, timer_{std::move(executor)} {}

Task<> Vault::follow() {
    bool failed = false;
    for (;;) {
        woken_ = false;
        std::string trouble;
        try {
            co_await look();
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const Overloaded&) {           // tried again
        } catch (const PostgresError& error) {
            trouble = error.what();
        }
        if (!trouble.empty() && !failed)
            log_event(context_.log, LogLevel::error, "secrets.load_failed", kv("detail", trouble));
        failed = !trouble.empty();
        forget_unused();
        if (woken_) continue;
        timer_.expires_after(kEvery);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

/// What is new counts at once and whole, when its data keys are open: till then jobs go by what was
/// before.
Task<> Vault::look() {
    auto changed = [known = generation_](pqxx::work& work) -> std::optional<StoredSecrets> {
        if (known && *known == load_secret_generation(work)) return std::nullopt;
        return load_secrets(work);
    };
    auto all = co_await context_.database.transact(std::move(changed));
    const auto now = context_.clock.steady_now();
    if (!all) {
        if (locked_.empty() || now - opened_at_ < kAgain) co_return;
        auto rows = data_keys_;
        auto locked = co_await open_keys(std::move(rows));
        take(std::move(locked));
    } else {
        std::map<std::string, DataKeyRow> rows;
        for (const auto& row : all->data_keys)
            rows.insert_or_assign(row.tenant, row);
        auto asked = rows;
        auto locked = co_await open_keys(std::move(asked));
        context_.keys.keep(all->data_keys);
        data_keys_ = std::move(rows);
        take(*std::move(all));
        take(std::move(locked));
    }
    opened_at_ = now;
    ++stand_;
}

void Vault::wake() {
    woken_ = true;
    timer_.cancel();
}

void Vault::take(StoredSecrets all) {
    secrets_.clear();
    for (auto& row : all.secrets)
        secrets_.insert_or_assign(row.tenant + "/" + row.name, std::move(row));
    region_keys_.clear();
    for (auto& [region, key] : all.region_keys)
        region_keys_.insert_or_assign(region, std::move(key));
    generation_ = all.generation;
    context_.metrics.secrets.set(static_cast<double>(secrets_.size()));
}

/// Before they are needed: jobs can't wait for a key management service. @return the tenants whose
/// key does not open, and why
Task<Vault::Locked> Vault::open_keys(std::map<std::string, DataKeyRow> rows) {
    Locked locked;
    std::size_t old = 0;
    std::string first;
    try {
        if (!rows.empty()) first = context_.keys.wrapping().current();
    } catch (const SecretsLocked&) {  // told with each key below
    }
    for (auto& [tenant, row] : rows) {
        if (row.wrapped.wrapping_key != first) ++old;
        try {
            co_await context_.keys.open(std::move(row));
        } catch (const SecretsLocked& error) {
            locked.emplace(tenant, error.what());
        }
    }
    context_.metrics.data_keys_old.set(static_cast<double>(old));
    co_return locked;
}

void Vault::take(Locked locked) {
    for (const auto& [tenant, why] : locked)
        if (!locked_.contains(tenant))
            log_event(context_.log,
                      LogLevel::error,
                      "secrets.locked",
                      kv("tenant", tenant),
                      kv("detail", why));
    for (const auto& [tenant, why] : locked_)
        if (!locked.contains(tenant))
            log_event(context_.log, LogLevel::info, "secrets.unlocked", kv("tenant", tenant));
    locked_ = std::move(locked);
    context_.metrics.secrets_locked.set(static_cast<double>(locked_.size()));
}

void Vault::forget_unused() {
    const auto now = context_.clock.steady_now();
    std::erase_if(boxes_, [&](const auto& each) { return now - each.second.used_at > kUnusedFor; });
}

std::string Vault::region_key(RegionId region) const {
    const auto found = region_keys_.find(region);
    return found == region_keys_.end() ? "" : found->second.id();
}

const SecretRow* Vault::find(const std::string& tenant, const std::string& name) const {
    const auto found = secrets_.find(tenant + "/" + name);
    return found == secrets_.end() ? nullptr : &found->second;
}

const SealedCredentials& Vault::credentials(const PlannedVersion& version, const Region& region) {
    auto& box = boxes_[{version.endpoint, region.id}];
    box.used_at = context_.clock.steady_now();
    const bool known = box.generation == stand_ && box.version == version.version;
    if (!known) {
        const auto found = region_keys_.find(region.id);
        const auto* key = found == region_keys_.end() ? nullptr : &found->second;
        auto now = made_of(*version.credentials, key);
        // What it is bound to follows from the version.
        const bool same =
            box.version == version.version && !box.sealed.box.empty() && box.made_of == now;
        if (!same) box.sealed = seal(*version.credentials, region, key);
        box.made_of = std::move(now);
        box.generation = stand_;
        box.version = version.version;
    }
    if (box.sealed.box.empty()) context_.metrics.credentials_missing.with({region.name}).add();
    return box.sealed;
}

/// The tags that encryption left: each time that a value is stored they are others.
std::string Vault::made_of(const WantedCredentials& wanted, const BoxPublicKey* key) const {
    std::string all = key == nullptr ? "" : key->bytes();
    for (const auto& use : wanted.uses) {
        const auto* row = find(wanted.tenant, use.secret);
        if (row != nullptr)
            all +=
                row->sealed.substr(row->sealed.size() - std::min(row->sealed.size(), kAeadTagSize));
        all += '\n';
    }
    return all;
}

SealedCredentials Vault::seal(const WantedCredentials& wanted,
                              const Region& region,
                              const BoxPublicKey* key) const {
    if (!generation_) return {"", "the coordinator has not read the secrets yet"};
    if (key == nullptr)
        return {"",
                "the region " + region.name +
                    " has no public key to seal credentials for (quorate regions add " +
                    region.name + " --public-key FILE)"};
    Wiped plain;
    plain.text.reserve(1024);
    for (const auto& use : wanted.uses)
        if (auto problem = add_plain(wanted, use, plain.text); !problem.empty())
            return {"", std::move(problem)};
    return {seal_box(*key, plain.text, wanted.binding), ""};
}

/// @return why it can't; empty: it was added
std::string Vault::add_plain(const WantedCredentials& wanted,
                             const CredentialUse& use,
                             std::string& plain) const {
    const auto* row = find(wanted.tenant, use.secret);
    if (row == nullptr) return "there is no secret " + use.secret;
    const auto locked = locked_.find(wanted.tenant);
    if (locked != locked_.end())
        return "the tenant's secrets can't be read now; see the coordinator's log";
    const auto data_key = data_keys_.find(wanted.tenant);
    const auto open =
        data_key == data_keys_.end() ? nullptr : context_.keys.opened(data_key->second);
    if (!open) return "the tenant's secrets are not read yet";
    const auto value = aead_open(*open, row->sealed, secret_purpose(*row));
    if (!value) return "the secret " + use.secret + " is damaged: set it anew";
    if (auto problem = problem_of(use, value->view()); !problem.empty())
        return "the secret " + use.secret + " " + problem;
    Wiped text;
    text.text.reserve(use.prefix.size() + value->size());
    text.text.append(use.prefix).append(value->view());
    const CredentialView credential{use.kind, use.header, text.text};
    if (plain.capacity() < plain.size() + credential_size(credential)) {
        // Growing by itself it would leave a copy behind.
        Wiped larger;
        larger.text.reserve(2 * (plain.size() + credential_size(credential)));
        larger.text = plain;
        plain.swap(larger.text);
    }
    append_credential(credential, plain);
    return {};
}

}  // namespace quorate::coordinator

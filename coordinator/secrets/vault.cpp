#include "coordinator/secrets/vault.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "core/base/text.hpp"
#include "platform/crypto/aead.hpp"
#include "platform/crypto/wiped_at_end.hpp"
#include "platform/runtime/overloaded.hpp"
#include "platform/runtime/task_group.hpp"
#include "platform/wire/job_codec.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::string_view kPem = "-----BEGIN ";

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
    : context_{context}, timer_{executor}, keys_timer_{executor} {}

Task<> Vault::follow() {
    TaskGroup tasks{co_await asio::this_coro::executor, 2};
    tasks.spawn("watch", watch());
    tasks.spawn("keys", keep_open());
    co_await tasks.join();
}

Task<> Vault::watch() {
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

Task<> Vault::keep_open() {
    for (;;) {
        if (generation_) co_await open_keys();
        keys_timer_.expires_after(kEvery);
        co_await keys_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<> Vault::look() {
    auto changed = [known = generation_](pqxx::work& work) -> std::optional<StoredSecrets> {
        // A rotation that is committed meanwhile is seen whole or not at all.
        work.exec0("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
        if (known && *known == load_secret_generation(work)) return std::nullopt;
        return load_secrets(work);
    };
    auto all = co_await context_.database.transact(std::move(changed));
    if (!all) co_return;
    take(*std::move(all));
    keys_timer_.cancel();
}

void Vault::wake() {
    woken_ = true;
    timer_.cancel();
}

bool Vault::ready() const {
    return opened_ || (read_at_ && context_.clock.steady_now() - *read_at_ >= kPatience);
}

void Vault::take(StoredSecrets all) {
    std::map<std::string, DataKeyRow> rows;
    for (const auto& row : all.data_keys)
        rows.insert_or_assign(row.tenant, row);
    context_.keys.keep(all.data_keys);
    forget_open(rows);
    data_keys_ = std::move(rows);
    secrets_.clear();
    for (auto& row : all.secrets)
        secrets_.insert_or_assign(row.tenant + "/" + row.name, std::move(row));
    region_keys_.clear();
    for (auto& [region, key] : all.region_keys)
        region_keys_.insert_or_assign(region, std::move(key));
    generation_ = all.generation;
    if (!read_at_) read_at_ = context_.clock.steady_now();
    counted_at_.reset();
    ++stand_;
    context_.metrics.secrets.set(static_cast<double>(secrets_.size()));
}

Task<> Vault::open_keys() {
    const auto now = context_.clock.steady_now();
    if (!counted_at_ || now - *counted_at_ >= kAgain) {
        counted_at_ = now;
        co_await count_old();
    }
    std::vector<DataKeyRow> closed;  // what comes meanwhile is the next round's
    for (const auto& [tenant, row] : data_keys_) {
        if (context_.keys.opened(row)) continue;
        const auto locked = locked_.find(tenant);
        const bool tried = locked != locked_.end() && locked->second.wrapped == row.wrapped &&
                           now - locked->second.since < kAgain;
        if (!tried) closed.push_back(row);
    }
    for (auto& row : closed) {
        const auto begun = context_.clock.steady_now();
        const bool open = co_await open_key(std::move(row));
        if (!open && context_.clock.steady_now() - begun >= kSlow) co_return;
    }
    opened_ = true;
}

/// How many data keys another wrapping key than the first has wrapped.
Task<> Vault::count_old() {
    std::string first;
    try {
        if (!data_keys_.empty()) first = co_await context_.keys.current();
    } catch (const SecretsLocked&) {  // told with each key that does not open
    } catch (const Overloaded&) {     // counted again
    }
    const auto old = std::ranges::count_if(
        data_keys_, [&](const auto& each) { return each.second.wrapped.wrapping_key != first; });
    context_.metrics.data_keys_old.set(static_cast<double>(old));
}

/// @return whether it is open
Task<bool> Vault::open_key(DataKeyRow row) {
    const auto tenant = row.tenant;
    const Locked locked{row.wrapped, context_.clock.steady_now()};
    std::string why;
    try {
        co_await context_.keys.open(std::move(row));
    } catch (const SecretsLocked& error) {
        why = error.what();
    } catch (const Overloaded&) {  // tried again
        co_return false;
    }
    if (why.empty()) {
        note_open(tenant);
        ++stand_;
        co_return true;
    }
    if (locked_.insert_or_assign(tenant, locked).second)
        log_event(context_.log,
                  LogLevel::error,
                  "secrets.locked",
                  kv("tenant", tenant),
                  kv("detail", why));
    context_.metrics.secrets_locked.set(static_cast<double>(locked_.size()));
    co_return false;
}

void Vault::note_open(const std::string& tenant) {
    if (locked_.erase(tenant) == 0) return;
    log_event(context_.log, LogLevel::info, "secrets.unlocked", kv("tenant", tenant));
    context_.metrics.secrets_locked.set(static_cast<double>(locked_.size()));
}

/// Of tenants that have no data key any more.
void Vault::forget_open(const std::map<std::string, DataKeyRow>& rows) {
    std::vector<std::string> gone;
    for (const auto& [tenant, locked] : locked_)
        if (!rows.contains(tenant)) gone.push_back(tenant);
    for (const auto& tenant : gone)
        note_open(tenant);
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
    const bool same_version = box.version == version.version;
    if (box.generation != stand_ || !same_version) {
        const auto found = region_keys_.find(region.id);
        const auto* key = found == region_keys_.end() ? nullptr : &found->second;
        auto now = made_of(*version.credentials, key);
        // What it is bound to follows from the version.
        const bool same = same_version && !box.sealed.box.empty() && box.made_of == now;
        auto made = same ? std::optional{box.sealed} : seal(*version.credentials, region, key);
        if (made) {
            box.sealed = *std::move(made);
            box.made_of = std::move(now);
            box.generation = stand_;
        } else if (!same_version || box.sealed.box.empty()) {
            box.sealed = {"", "the coordinator has not read the secrets yet"};
            box.generation = 0;
        }  // else jobs go by what was before, until its data key is open
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

/// Nothing where it is not known yet.
std::optional<SealedCredentials> Vault::seal(const WantedCredentials& wanted,
                                             const Region& region,
                                             const BoxPublicKey* key) const {
    if (!generation_) return std::nullopt;
    const auto missing = [](std::string why) { return SealedCredentials{"", std::move(why)}; };
    if (key == nullptr)
        return missing("the region " + region.name +
                       " has no public key to seal credentials for (quorate regions add " +
                       region.name + " --public-key FILE)");
    const bool locked = locked_.contains(wanted.tenant);
    const auto row = data_keys_.find(wanted.tenant);
    if (row != data_keys_.end() && !locked && !context_.keys.opened(row->second))
        return std::nullopt;
    std::string plain;
    const WipedAtEnd wiped{plain};
    plain.reserve(1024);
    for (const auto& use : wanted.uses)
        if (auto problem = add_plain(wanted, use, plain); !problem.empty())
            return missing(std::move(problem));
    try {
        auto box = seal_box(*key, plain, wanted.binding);
        if (box.size() > wire::kCredentialsBytesMax)
            return missing(
                fmt::format("its secrets have {} bytes together, of which a job holds {}",
                            box.size(),
                            wire::kCredentialsBytesMax));
        return SealedCredentials{std::move(box), ""};
    } catch (const std::runtime_error& error) {  // a key of no use must not end the planning
        return missing(std::string{"they can't be sealed: "} + error.what());
    }
}

/// @return why it can't; empty: it was added
std::string Vault::add_plain(const WantedCredentials& wanted,
                             const CredentialUse& use,
                             std::string& plain) const {
    const auto* row = find(wanted.tenant, use.secret);
    if (row == nullptr) return "there is no secret " + use.secret;
    const auto data_key = data_keys_.find(wanted.tenant);
    const auto open =
        data_key == data_keys_.end() ? nullptr : context_.keys.opened(data_key->second);
    if (!open) return "the tenant's secrets can't be read now; see the coordinator's log";
    const auto value = aead_open(*open, row->sealed, secret_purpose(*row));
    if (!value) return "the secret " + use.secret + " is damaged: set it anew";
    if (auto problem = problem_of(use, value->view()); !problem.empty())
        return "the secret " + use.secret + " " + problem;
    std::string text;
    const WipedAtEnd wiped{text};
    text.reserve(use.prefix.size() + value->size());
    text.append(use.prefix).append(value->view());
    const CredentialView credential{use.kind, use.header, text};
    if (plain.capacity() < plain.size() + credential_size(credential)) {
        // Growing by itself it would leave a copy behind.
        std::string larger;
        const WipedAtEnd old_wiped{larger};
        larger.reserve(2 * (plain.size() + credential_size(credential)));
        larger = plain;
        plain.swap(larger);
    }
    append_credential(credential, plain);
    return {};
}

}  // namespace quorate::coordinator

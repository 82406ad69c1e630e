#include "coordinator/access/access.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/crypto.h>

#include "core/base/sha256.hpp"
#include "core/base/text.hpp"
#include "platform/runtime/overloaded.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

using enum AccessRefused::Why;

constexpr std::string_view kBearer = "Bearer ";
constexpr std::size_t kTenantsMax = 16;  // of a refused call's row
constexpr std::size_t kLeftOutMax = 64;  // bytes that say how many more there were

bool same(const std::string& left, const std::string& right) {
    return left.size() == right.size() &&
           CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view name_of(AccessRefused::Why why) {
    switch (why) {
        case unknown:
            return "unknown";
        case denied:
            return "denied";
        case busy:
            return "busy";
    }
    return {};
}

/// What somebody shows whom we don't take for its owner.
std::string claimed(const Presented& presented) {
    const std::string_view header = presented.authorization;
    if (header.starts_with(kBearer)) {
        const auto token = parse_token(header.substr(kBearer.size()));
        return token ? "token " + std::to_string(token->id) + " (not accepted)" : "";
    }
    if (!header.empty() || presented.certificate_names.empty()) return {};
    return "certificate " + presented.certificate_names.front() + " (not accepted)";
}

}  // namespace

Access::Access(const asio::any_io_executor& executor, AccessContext context, AccessOptions options)
    : context_{context}, options_{std::move(options)}, timer_{executor} {
    unknown_.refusals = {kUnknownBurst, context_.clock.steady_now()};
}

Task<> Access::follow() {
    bool failed = false;
    for (;;) {
        try {
            co_await refresh();
            failed = false;
        } catch (const PostgresUnavailable&) {  // readiness tells
        } catch (const Overloaded&) {           // tried again
        } catch (const PostgresError& error) {
            if (!std::exchange(failed, true))
                log_event(context_.log,
                          LogLevel::error,
                          "credentials.load_failed",
                          kv("detail", error.what()));
        }
        timer_.expires_after(kEvery);
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<> Access::take_change() {
    try {
        co_await refresh();
    } catch (const PostgresUnavailable&) {
    } catch (const PostgresError&) {
    } catch (const Overloaded&) {
    }
}

Task<> Access::refresh() {
    std::vector<Credential> loaded;
    std::uint64_t read = 0;
    do {
        read = ++reads_;
        auto load = [](pqxx::work& work) { return load_credentials(work); };
        loaded = co_await context_.credentials.transact(std::move(load));
    } while (read <= stale_);
    stale_ = read;
    credentials_.clear();
    certificates_.clear();
    for (auto& each : loaded) {
        if (!each.certificate.empty()) certificates_[each.certificate] = each.id;
        credentials_.emplace(each.id, std::move(each));
    }
    std::erase_if(accounts_, [this](const auto& account) {
        const auto& credential = account.second.credential;
        return credential && !credentials_.contains(*credential);
    });
    loaded_ = true;
}

void Access::revoked(std::int64_t credential) {
    const auto found = credentials_.find(credential);
    if (found != credentials_.end()) {
        certificates_.erase(found->second.certificate);
        credentials_.erase(found);
    }
    stale_ = reads_;
}

void Access::require_loaded() const {
    if (!loaded_) throw PostgresUnavailable{"the credentials were not read yet"};
}

Caller Access::caller_of(const Credential& credential,
                         std::string shown,
                         std::string reason) const {
    if (credential.expires_at && *credential.expires_at <= context_.clock.utc_now())
        throw AccessRefused{
            unknown,
            shown + " of " + credential.principal + " has expired: ask an admin for another"};
    return {{credential.principal, std::move(shown), std::move(reason)},
            credential.role,
            credential.tenants,
            credential.id};
}

Caller Access::by_token(std::string_view text, const std::string& reason) const {
    require_loaded();
    const auto token = parse_token(text);
    const auto found = token ? credentials_.find(token->id) : credentials_.end();
    // A revoked one looks like one that never was.
    if (found == credentials_.end() ||
        !same(found->second.secret_sha256, to_hex(sha256(token->secret))))
        throw AccessRefused{unknown, "the token is none of ours, or was revoked"};
    return caller_of(found->second, "token " + std::to_string(token->id), reason);
}

Caller Access::by_certificate(const Presented& presented) const {
    for (const auto& name : presented.certificate_names)
        if (std::ranges::find(options_.admins, name) != options_.admins.end())
            return {{name, "certificate " + name, presented.reason}, Role::admin, {}, {}};
    require_loaded();
    std::optional<AccessRefused> expired;  // another name may still be good
    for (const auto& name : presented.certificate_names) {
        const auto found = certificates_.find(name);
        if (found == certificates_.end()) continue;
        try {
            return caller_of(
                credentials_.at(found->second), "certificate " + name, presented.reason);
        } catch (const AccessRefused& refused) {
            if (!expired) expired = refused;
        }
    }
    if (expired) throw AccessRefused{*expired};
    throw AccessRefused{unknown,
                        "the certificate's name " + presented.certificate_names.front() +
                            " has no role: an admin gives it one with quorate token create"};
}

Caller Access::identify(const Presented& presented) const {
    const auto& header = presented.authorization;
    if (header.starts_with(kBearer))
        return by_token(std::string_view{header}.substr(kBearer.size()), presented.reason);
    if (!header.empty()) throw AccessRefused{unknown, "the authorization is no bearer token"};
    if (!presented.certificate_names.empty()) return by_certificate(presented);
    if (options_.tls)
        throw AccessRefused{unknown,
                            "say who you are: a client certificate (--tls-cert, --tls-key) or a "
                            "token (--token-file)"};
    return {{"local", "local", presented.reason}, Role::admin, {}, {}};
}

Caller Access::admit(std::string_view method, const Presented& presented) {
    auto caller = identify(presented);
    const auto& name = caller.actor.principal;
    const auto* rule = rule_of(method);
    if (rule == nullptr) throw AccessRefused{denied, "nobody may call " + std::string{method}};
    if (caller.role < rule->least)
        throw AccessRefused{denied,
                            std::string{method} + " needs the role " +
                                std::string{coordinator::name_of(rule->least)} + "; " + name +
                                " has " + std::string{coordinator::name_of(caller.role)}};
    if (rule->reach == Reach::unbound && caller.tenants)
        throw AccessRefused{
            denied, std::string{method} + " concerns all tenants; " + name + " is bound to some"};
    if (options_.calls_per_s > 0) {
        const auto burst = options_.calls_per_s * kBurstS;
        if (!account_of(caller).calls.take(
                context_.clock.steady_now(), options_.calls_per_s, burst))
            throw AccessRefused{busy, name + " calls too often; try again in a second"};
    }
    return caller;
}

Access::Account& Access::account_of(const Caller& caller) {
    const auto now = context_.clock.steady_now();
    const Account fresh{.credential = caller.credential,
                        .calls = {options_.calls_per_s * kBurstS, now},
                        .refusals = {kKnownBurst, now}};
    return accounts_.try_emplace(caller.actor.credential, fresh).first->second;
}

bool Access::still_valid(const Caller& caller) const {
    if (!caller.credential) {
        // Whom the config makes an admin, which a reload may end; without TLS everybody is `local`.
        constexpr std::string_view kCertificate = "certificate ";
        const std::string_view shown = caller.actor.credential;
        return !shown.starts_with(kCertificate) ||
               std::ranges::count(options_.admins, shown.substr(kCertificate.size())) > 0;
    }
    const auto found = credentials_.find(*caller.credential);
    if (found == credentials_.end()) return false;
    const auto& expires = found->second.expires_at;
    return !expires || *expires > context_.clock.utc_now();
}

bool Access::Bucket::take(SteadyTime now, double per_s, double burst) {
    const std::chrono::duration<double> passed = now - filled;
    tokens = std::min(burst, tokens + passed.count() * per_s);
    filled = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
}

std::optional<Access::RefusedCall> Access::note_refusal(const std::string& method,
                                                        const Presented& presented,
                                                        const AccessRefused& refusal) {
    context_.metrics.refusals.with({std::string{name_of(refusal.why())}}).add();
    Actor actor{"unknown", claimed(presented), presented.reason};
    auto* account = &unknown_;
    try {
        const auto caller = identify(presented);
        actor = caller.actor;
        account = &account_of(caller);
    } catch (const std::exception&) {  // that is why
    }
    const bool known = account != &unknown_;
    const auto now = context_.clock.steady_now();
    const bool written =
        refusal.why() == busy
            ? account->busy.take(now, kBusyPerS, 1)
            : account->refusals.take(
                  now, known ? kKnownPerS : kUnknownPerS, known ? kKnownBurst : kUnknownBurst);
    if (!written) {
        ++account->left_out;
        return std::nullopt;
    }
    auto detail = safe_text(refusal.what(), kReasonMax - kLeftOutMax);
    if (const auto more = std::exchange(account->left_out, 0); more > 0)
        detail += "; " + std::to_string(more) + " more before it are not in this log";
    log_event(context_.log,
              LogLevel::warn,
              "rpc.refused",
              kv("rpc", method),
              kv("principal", actor.principal),
              kv("peer", presented.peer),
              kv("detail", detail));
    AuditEntry entry{.method = method, .target = presented.target, .outcome = "refused"};
    entry.detail = std::move(detail);
    entry.peer = presented.peer;
    // Whoever is bound to all of its tenants sees the row: so all of them or none.
    if (presented.tenants.size() <= kTenantsMax &&
        std::ranges::all_of(presented.tenants, wire::is_name))
        entry.tenants = presented.tenants;
    return RefusedCall{std::move(actor), std::move(entry)};
}

Task<> Access::write_refusal(RefusedCall call) {
    auto write = [call = std::move(call)](pqxx::work& work) {
        write_audit(work, call.actor, call.entry);
    };
    try {
        co_await context_.database.transact(std::move(write));
    } catch (const PostgresUnavailable&) {  // it is in the log
    } catch (const PostgresError&) {
    } catch (const Overloaded&) {
    }
}

}  // namespace quorate::coordinator

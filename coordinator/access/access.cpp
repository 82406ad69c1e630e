#include "coordinator/access/access.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/crypto.h>

#include "core/base/sha256.hpp"
#include "platform/runtime/overloaded.hpp"

namespace quorate::coordinator {
namespace {

using enum AccessRefused::Why;

constexpr std::string_view kBearer = "Bearer ";

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

}  // namespace

Access::Access(const asio::any_io_executor& executor, AccessContext context, AccessOptions options)
    : context_{context}, options_{std::move(options)}, timer_{executor} {}

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
    auto load = [](pqxx::work& work) { return load_credentials(work); };
    auto loaded = co_await context_.database.transact(std::move(load));
    credentials_.clear();
    certificates_.clear();
    for (auto& each : loaded) {
        if (!each.certificate.empty()) certificates_[each.certificate] = each.id;
        credentials_.emplace(each.id, std::move(each));
    }
    loaded_ = true;
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
    for (const auto& name : presented.certificate_names)
        if (const auto found = certificates_.find(name); found != certificates_.end())
            return caller_of(
                credentials_.at(found->second), "certificate " + name, presented.reason);
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
        auto& bucket =
            calls_.try_emplace(name, Bucket{burst, context_.clock.steady_now()}).first->second;
        if (!bucket.take(context_.clock.steady_now(), options_.calls_per_s, burst))
            throw AccessRefused{busy, name + " calls too often; try again in a second"};
    }
    return caller;
}

bool Access::still_valid(const Caller& caller) const {
    if (!caller.credential) return true;
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

Task<> Access::note_refusal(std::string method, Presented presented, AccessRefused refusal) {
    context_.metrics.refusals.with({std::string{name_of(refusal.why())}}).add();
    if (!refusals_.take(context_.clock.steady_now(), kRefusalsPerS, kRefusalsBurst)) co_return;
    Actor actor{"unknown", "", presented.reason};
    try {
        actor = identify(presented).actor;
    } catch (const std::exception&) {  // that is why
    }
    log_event(context_.log,
              LogLevel::warn,
              "rpc.refused",
              kv("rpc", method),
              kv("principal", actor.principal),
              kv("peer", presented.peer),
              kv("detail", refusal.what()));
    AuditEntry entry{.method = std::move(method),
                     .target = presented.peer,
                     .outcome = "refused",
                     .detail = refusal.what()};
    auto write = [actor = std::move(actor), entry = std::move(entry)](pqxx::work& work) {
        write_audit(work, actor, entry);
    };
    try {
        co_await context_.database.transact(std::move(write));
    } catch (const PostgresUnavailable&) {  // it is in the log
    } catch (const PostgresError&) {
    } catch (const Overloaded&) {
    }
}

}  // namespace quorate::coordinator

#include "coordinator/secrets/secrets.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "coordinator/audit/audit.hpp"
#include "coordinator/catalog/catalog_store.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/secrets/expiry.hpp"
#include "core/base/text.hpp"
#include "platform/crypto/aead.hpp"
#include "platform/crypto/wiped_at_end.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

constexpr int kAttemptsMax = 5;
constexpr std::string_view kPem = "-----BEGIN ";

void require_name(const std::string& name) {
    if (!wire::is_name(name))
        throw BadRequest{std::string{"a secret's name is "} + wire::kNameRule, "name"};
}

/// As `apply` has it: the tenant is there, or an admin makes it.
void require_tenant(pqxx::work& work, const std::string& tenant, const Caller& caller) {
    if (!work.exec_params("SELECT FROM quorate.tenant WHERE name = $1", tenant).empty()) return;
    if (caller.role != Role::admin)
        throw AccessRefused{
            AccessRefused::Why::denied,
            "there is no tenant " + tenant + ": an admin's first apply, or first secret, makes it"};
    work.exec_params0("INSERT INTO quorate.tenant (name) VALUES ($1) ON CONFLICT DO NOTHING",
                      tenant);
}

/// For the audit log: everything but the value.
std::string text_of(const v1::Secret& secret) {
    std::string text = "version: " + std::to_string(secret.version()) + "\n";
    if (secret.has_expires_at_us())
        text += "expires: " + to_rfc3339(UtcTime{microseconds{secret.expires_at_us()}}) + " (" +
                secret.expires_from() + ")\n";
    return text;
}

SecretFacts facts_of(const v1::SetSecretRequest& request, const std::string& principal) {
    SecretFacts facts{principal, jwt_expiry(request.value()), {}};
    if (facts.expires_at) facts.expires_from = "jwt";
    if (!request.has_expires_at_us()) return facts;
    const UtcTime declared{microseconds{request.expires_at_us()}};
    if (facts.expires_at && *facts.expires_at <= declared) return facts;
    facts.expires_at = declared;
    facts.expires_from = "declared";
    return facts;
}

/// A transaction found another data key than the one that was opened for it.
[[noreturn]] void give_up() {
    throw PostgresUnavailable{"the tenant's data key changes again and again"};
}

bool is_still(const std::optional<DataKeyRow>& now, const std::optional<DataKeyRow>& then) {
    return now.has_value() == then.has_value() && (!now || now->wrapped == then->wrapped);
}

}  // namespace

std::string problem_of_secret(std::string_view value) {
    if (value.size() < Secrets::kValueMin)
        return fmt::format(
            "the value has {} bytes: at least {} are needed, so that it can be "
            "found and masked where a server sends it back",
            value.size(),
            Secrets::kValueMin);
    if (value.starts_with(kPem)) {
        if (value.size() > Secrets::kPemMax)
            return fmt::format("PEM may have {} bytes, is {}", Secrets::kPemMax, value.size());
        return value.find('\0') == value.npos ? "" : "PEM has no NUL";
    }
    if (value.size() > Secrets::kHeaderValueMax)
        return fmt::format("the value of a header may have {} bytes, is {}",
                           Secrets::kHeaderValueMax,
                           value.size());
    if (!is_header_value(value) || value.front() == ' ' || value.back() == ' ' ||
        value.front() == '\t' || value.back() == '\t')
        return "the value can't stand in a header, as it has line breaks, control characters, or "
               "spaces at an end; and it is no PEM";
    return {};
}

Task<v1::SetSecretResponse> Secrets::set(v1::SetSecretRequest request, Caller caller) {
    const WipedAtEnd wiped{*request.mutable_value()};
    require_name(request.name());
    if (auto problem = problem_of_secret(request.value()); !problem.empty())
        throw BadRequest{problem, "value"};
    if (request.tenant().empty()) request.set_tenant("default");
    const auto& tenant = request.tenant();
    const auto facts = facts_of(request, caller.actor.principal);
    if (facts.expires_at && *facts.expires_at <= context_.clock.utc_now())
        throw BadRequest{"the value has expired at " + to_rfc3339(*facts.expires_at),
                         facts.expires_from == "jwt" ? "value" : "expires_at_us"};
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        auto find = [tenant](auto& work) { return load_data_key(work, tenant); };
        const auto found = co_await context_.database.transact(std::move(find));
        DataKeyRow row{tenant, 1, {}};
        DataKey key;
        if (found) {
            row = *found;
            auto same = row;
            key = co_await context_.keys.open(std::move(same));
        } else {
            key = co_await context_.keys.make(row);
        }
        auto store = [&](pqxx::work& work) -> std::optional<v1::SetSecretResponse> {
            lock_secrets(work);
            require_tenant(work, tenant, caller);
            if (!is_still(load_data_key(work, tenant), found)) return std::nullopt;
            if (!found) store_data_key(work, row);
            const auto before = find_secret(work, tenant, request.name());
            if (!before && load_secrets_of(work, tenant).size() >= kSecretsMax)
                throw BadRequest{"the tenant " + tenant + " has 1000 secrets already"};
            SecretRow secret{tenant,
                             request.name(),
                             before ? static_cast<std::int32_t>(before->version()) + 1 : 1,
                             row.generation,
                             {}};
            secret.sealed = aead_seal(*key, request.value(), secret_purpose(secret));
            store_secret(work, secret, facts);
            v1::SetSecretResponse out;
            *out.mutable_secret() = *find_secret(work, tenant, request.name());
            out.set_created(!before);
            write_audit(work,
                        caller.actor,
                        {.method = "SetSecret",
                         .target = tenant + "/" + request.name(),
                         .tenants = {tenant},
                         .changes = {{tenant + "/" + request.name(),
                                      before ? text_of(*before) : "",
                                      text_of(out.secret())}}});
            return out;
        };
        auto stored = co_await context_.database.transact(std::move(store));
        if (!stored) continue;
        context_.changed();
        log_event(context_.log,
                  LogLevel::info,
                  "secret.set",
                  kv("principal", caller.actor.principal),
                  kv("tenant", tenant),
                  kv("secret", request.name()),
                  kv("version", stored->secret().version()));
        co_return *std::move(stored);
    }
    give_up();
}

Task<> Secrets::remove(v1::DeleteSecretRequest request, Caller caller) {
    require_name(request.name());
    if (request.tenant().empty()) request.set_tenant("default");
    const auto full = request.tenant() + "/" + request.name();
    auto erase = [&](pqxx::work& work) {
        lock_catalogue(work);  // no endpoint refers to it meanwhile
        lock_secrets(work);
        const auto before = find_secret(work, request.tenant(), request.name());
        if (!before) throw NotFound{"there is no secret " + full};
        if (before->endpoints_size() > 0)
            throw BadRequest{fmt::format(
                "the secret {} is in use by {}{}: take it out of their "
                "files first",
                full,
                before->endpoints(0),
                before->endpoints_size() == 1
                    ? ""
                    : fmt::format(" and {} more endpoints", before->endpoints_size() - 1))};
        delete_secret(work, request.tenant(), request.name());
        write_audit(work,
                    caller.actor,
                    {.method = "DeleteSecret",
                     .target = full,
                     .tenants = {request.tenant()},
                     .changes = {{full, text_of(*before), ""}}});
    };
    co_await context_.database.transact(std::move(erase));
    context_.changed();
    log_event(context_.log,
              LogLevel::info,
              "secret.deleted",
              kv("principal", caller.actor.principal),
              kv("tenant", request.tenant()),
              kv("secret", request.name()));
}

Task<v1::RotateSecretsResponse> Secrets::rotate(v1::RotateSecretsRequest request, Caller caller) {
    v1::RotateSecretsResponse out;
    auto current = co_await context_.keys.current();
    out.set_wrapping_key(std::move(current));
    auto list = [tenant = request.tenant()](auto& work) {
        return tenants_with_secrets(work, tenant);
    };
    const auto tenants = co_await context_.database.transact(std::move(list));
    if (tenants.empty() && !request.tenant().empty())
        throw NotFound{"the tenant " + request.tenant() + " has no secrets"};
    for (const auto& tenant : tenants) {
        if (request.wrapping_key_only())
            co_await wrap_anew(tenant, caller);
        else
            out.set_secrets(out.secrets() +
                            static_cast<std::uint32_t>(co_await renew_data_key(tenant, caller)));
        out.set_data_keys(out.data_keys() + 1);
    }
    context_.changed();
    log_event(context_.log,
              LogLevel::info,
              "secrets.rotated",
              kv("principal", caller.actor.principal),
              kv("data_keys", out.data_keys()),
              kv("secrets", out.secrets()),
              kv("wrapping_key", out.wrapping_key()));
    co_return out;
}

/// Seals all secrets of the tenant by a new data key, and forgets the old one, in one transaction.
Task<std::size_t> Secrets::renew_data_key(std::string tenant, Caller caller) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        auto find = [tenant](auto& work) { return load_data_key(work, tenant); };
        const auto found = co_await context_.database.transact(std::move(find));
        if (!found) co_return 0;  // forgotten meanwhile
        auto row = *found;
        const auto old = co_await context_.keys.open(std::move(row));
        DataKeyRow next{tenant, found->generation + 1, {}};
        const auto key = co_await context_.keys.make(next);
        auto reseal = [&](pqxx::work& work) -> std::optional<std::size_t> {
            lock_secrets(work);
            if (!is_still(load_data_key(work, tenant), found)) return std::nullopt;
            auto secrets = load_secrets_of(work, tenant);
            for (auto& secret : secrets) {
                const auto value = aead_open(*old, secret.sealed, secret_purpose(secret));
                if (!value)
                    throw SecretsLocked{"the secret " + tenant + "/" + secret.name +
                                        " is damaged: set it anew"};
                secret.key_generation = next.generation;
                secret.sealed = aead_seal(*key, value->view(), secret_purpose(secret));
                reseal_secret(work, secret);
            }
            store_data_key(work, next);
            write_audit(work,
                        caller.actor,
                        {.method = "RotateSecrets",
                         .target = tenant,
                         .tenants = {tenant},
                         .changes = {{tenant,
                                      fmt::format("data_key: {}\n", found->generation),
                                      fmt::format("data_key: {}\n", next.generation)}}});
            return secrets.size();
        };
        const auto count = co_await context_.database.transact(std::move(reseal));
        if (count) co_return *count;
    }
    give_up();
}

/// The same data key, wrapped by the wrapping key that is now the first.
Task<> Secrets::wrap_anew(std::string tenant, Caller caller) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        auto find = [tenant](auto& work) { return load_data_key(work, tenant); };
        const auto found = co_await context_.database.transact(std::move(find));
        if (!found) co_return;
        auto row = *found;
        const auto key = co_await context_.keys.open(std::move(row));
        auto next = *found;
        next.wrapped = co_await context_.keys.wrap(key, tenant);
        auto store = [&](pqxx::work& work) {
            lock_secrets(work);
            if (!is_still(load_data_key(work, tenant), found)) return false;
            store_data_key(work, next);
            write_audit(work,
                        caller.actor,
                        {.method = "RotateSecrets",
                         .target = tenant,
                         .tenants = {tenant},
                         .changes = {{tenant,
                                      "wrapping_key: " + found->wrapped.wrapping_key + "\n",
                                      "wrapping_key: " + next.wrapped.wrapping_key + "\n"}}});
            return true;
        };
        const bool stored = co_await context_.database.transact(std::move(store));
        if (stored) co_return;
    }
    give_up();
}

}  // namespace quorate::coordinator

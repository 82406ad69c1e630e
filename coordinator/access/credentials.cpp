#include "coordinator/access/credentials.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "coordinator/access/secret.hpp"
#include "coordinator/catalog/listing.hpp"
#include "coordinator/catalog/sql.hpp"
#include "core/base/sha256.hpp"
#include "platform/postgres/database.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::string_view kMark = "qt_";
constexpr std::size_t kSecretSize = 64;
constexpr std::size_t kCertificateMax = 255;
constexpr int kTenantsMax = 1000;

const std::string kColumns =
    "id, principal, coalesce(secret_sha256, ''), coalesce(certificate, ''), role,"
    " array_to_string(tenants, ','), " +
    sql::micros("created_at") + ", created_by, " + sql::micros("expires_at") + ", " +
    sql::micros("revoked_at") + ", coalesce(revoked_by, '')";

/// Tenants are names, which have no commas; null: all.
std::optional<std::set<std::string>> tenants_of(const pqxx::field& joined) {
    if (joined.is_null()) return std::nullopt;
    std::set<std::string> tenants;
    const std::string text = joined.c_str();
    for (std::size_t from = 0; from < text.size();) {
        const auto to = std::min(text.find(',', from), text.size());
        tenants.insert(text.substr(from, to - from));
        from = to + 1;
    }
    return tenants;
}

/// A role of a later version is none that we know.
Role stored_role(const pqxx::field& field) {
    return role_named(field.c_str()).value_or(Role::viewer);
}

void fill(v1::Token& out, const pqxx::row& row) {
    out.set_id(row[0].as<std::uint64_t>());
    out.set_principal(row[1].c_str());
    out.set_certificate(row[3].c_str());
    out.set_role(row[4].c_str());
    if (const auto tenants = tenants_of(row[5]))
        out.mutable_tenants()->Assign(tenants->begin(), tenants->end());
    out.set_created_at_us(row[6].as<std::int64_t>());
    out.set_created_by(row[7].c_str());
    if (!row[8].is_null()) out.set_expires_at_us(row[8].as<std::int64_t>());
    if (!row[9].is_null()) out.set_revoked_at_us(row[9].as<std::int64_t>());
    out.set_revoked_by(row[10].c_str());
}

void check(const v1::CreateTokenRequest& request) {
    if (!wire::is_name(request.principal()))
        throw BadRequest{std::string{"a principal's name is "} + wire::kNameRule, "principal"};
    if (!role_named(request.role()))
        throw BadRequest{"the role is viewer, operator or admin", "role"};
    if (request.tenants_size() > kTenantsMax)
        throw BadRequest{"a token is bound to 1000 tenants at most", "tenants"};
    for (const auto& tenant : request.tenants())
        if (!wire::is_name(tenant))
            throw BadRequest{std::string{"a tenant's name is "} + wire::kNameRule, "tenants"};
    if (request.expires_in_days() > kExpiryDaysMax)
        throw BadRequest{"a token lasts 3650 days at most", "expires_in_days"};
    const auto& certificate = request.certificate();
    const bool printable =
        std::ranges::all_of(certificate, [](char c) { return c > ' ' && c < 127; });
    if (certificate.size() > kCertificateMax || !printable)
        throw BadRequest{"a certificate's name is at most 255 printable ASCII characters",
                         "certificate"};
}

/// The tenants that the new one is bound to, none: to none.
std::vector<std::string> granted_tenants(const v1::CreateTokenRequest& request,
                                         const Caller& caller) {
    std::set<std::string> tenants{request.tenants().begin(), request.tenants().end()};
    if (caller.tenants && tenants.empty()) tenants = *caller.tenants;
    for (const auto& tenant : tenants)
        narrowed_tenant(caller, tenant);
    return {tenants.begin(), tenants.end()};
}

/// Names of callers that nobody was given.
constexpr std::array<std::string_view, 3> kReserved{"local", "unknown", "coordinator"};

/// Throws where the new one would pass for somebody else, or be of no effect.
void require_free(pqxx::work& work,
                  const v1::CreateTokenRequest& request,
                  const Caller& caller,
                  const std::vector<std::string>& admins) {
    const auto& name = request.principal();
    const auto& certificate = request.certificate();
    if (std::ranges::find(kReserved, name) != kReserved.end())
        throw BadRequest{name + " is a name of the coordinator's own: take another", "principal"};
    for (const auto& given : {name, certificate})
        if (std::ranges::find(admins, given) != admins.end())
            throw BadRequest{given + " is an admin by grpc.admins of the coordinator's config"};
    if (caller.tenants && !work.exec_params("SELECT FROM quorate.credential WHERE principal = $1"
                                            " AND (tenants <@ $2::text[]) IS NOT TRUE LIMIT 1",
                                            name,
                                            bound_to(caller))
                               .empty())
        throw AccessRefused{AccessRefused::Why::denied,
                            "the name " + name + " is in use beyond your tenants: take another"};
    if (!certificate.empty() &&
        !work.exec_params("SELECT FROM quorate.credential WHERE certificate = $1"
                          " AND revoked_at IS NULL",
                          certificate)
             .empty())
        throw BadRequest{
            "the certificate name " + certificate + " has a role already: revoke that first",
            "certificate"};
}

/// When the caller's own ends; nothing: never. It can't be revoked until the transaction ends.
/// Throws AccessRefused where it has ended since it was read.
std::optional<std::int64_t> own_end(pqxx::work& work, const Caller& caller, UtcTime now) {
    if (!caller.credential) return std::nullopt;
    const auto row =
        work.exec_params1("SELECT revoked_at IS NOT NULL, " + sql::micros("expires_at") +
                              " FROM quorate.credential WHERE id = $1 FOR SHARE",
                          *caller.credential);
    const auto ends = sql::optional<std::int64_t>(row[1]);
    if (row[0].as<bool>() || (ends && *ends <= sql::us(now)))
        throw AccessRefused{AccessRefused::Why::unknown,
                            caller.actor.credential + " has expired or was revoked"};
    return ends;
}

/// All of it but the secret, for the audit log.
std::string text_of(const v1::Token& token) {
    const auto tenants = fmt::format("{}", fmt::join(token.tenants(), ", "));
    std::string text = "principal: " + token.principal() + "\nrole: " + token.role() +
                       "\ntenants: " + (tenants.empty() ? "all" : "[" + tenants + "]") + '\n';
    if (!token.certificate().empty()) text += "certificate: " + token.certificate() + '\n';
    text += "expires: ";
    text += token.has_expires_at_us() ? to_rfc3339(UtcTime{microseconds{token.expires_at_us()}})
                                      : "never";
    return text + '\n';
}

void revoke(pqxx::work& work, const v1::Token& token, const Actor& actor) {
    work.exec_params0(
        "UPDATE quorate.credential SET revoked_at = now(), revoked_by = $2 WHERE id = $1",
        static_cast<std::int64_t>(token.id()),
        actor.principal);
    write_audit(work,
                actor,
                {.method = "RevokeToken",
                 .target = "token " + std::to_string(token.id()),
                 .tenants = {token.tenants().begin(), token.tenants().end()},
                 .changes = {{token.principal(), text_of(token), ""}}});
}

}  // namespace

std::optional<std::string> bound_to(const Caller& caller) {
    if (!caller.tenants) return std::nullopt;
    return sql::array(std::vector<std::string>{caller.tenants->begin(), caller.tenants->end()});
}

std::optional<TokenText> parse_token(std::string_view text) {
    if (!text.starts_with(kMark)) return std::nullopt;
    text.remove_prefix(kMark.size());
    TokenText token;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), token.id);
    if (error != std::errc{} || token.id < 1) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.size() != kSecretSize + 1 || text[0] != '_') return std::nullopt;
    token.secret = text.substr(1);
    return token;
}

std::string format_token(const TokenText& token) {
    return std::string{kMark} + std::to_string(token.id) + '_' + token.secret;
}

std::vector<Credential> load_credentials(pqxx::work& work) {
    std::vector<Credential> credentials;
    for (const auto& row :
         work.exec("SELECT " + kColumns +
                   " FROM quorate.credential WHERE revoked_at IS NULL"
                   " AND (expires_at IS NULL OR expires_at > now() - interval '7 days')")) {
        Credential each;
        each.id = row[0].as<std::int64_t>();
        each.principal = row[1].c_str();
        each.secret_sha256 = row[2].c_str();
        each.certificate = row[3].c_str();
        each.role = stored_role(row[4]);
        each.tenants = tenants_of(row[5]);
        if (!row[8].is_null()) each.expires_at = UtcTime{microseconds{row[8].as<std::int64_t>()}};
        credentials.push_back(std::move(each));
    }
    return credentials;
}

v1::CreateTokenResponse create_token(pqxx::work& work,
                                     const v1::CreateTokenRequest& request,
                                     const Caller& caller,
                                     UtcTime now,
                                     const std::vector<std::string>& admins) {
    using enum AccessRefused::Why;
    check(request);
    if (*role_named(request.role()) > caller.role)
        throw AccessRefused{denied, "nobody gives a higher role than their own"};
    if (!request.certificate().empty() && caller.tenants)
        throw AccessRefused{denied, "who is bound to tenants gives certificates no role"};
    const auto tenants = granted_tenants(request, caller);
    auto expires = own_end(work, caller, now);
    // One at a time, so that what is counted and looked for below holds. The coordinator's role may
    // not lock the table, as it may not change all of a row.
    work.exec_params("SELECT pg_advisory_xact_lock($1)",
                     static_cast<std::int64_t>(AdvisoryLock::credentials));
    const auto live = work.exec_params1(
        "SELECT count(*) FROM quorate.credential WHERE revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > " +
            sql::timestamp("$1") + ")",
        sql::us(now))[0];
    if (live.as<std::size_t>() >= kCredentialsMax)
        throw BadRequest{"there are 10000 tokens already: revoke some"};
    require_free(work, request, caller, admins);
    const auto secret = request.certificate().empty() ? random_secret() : std::string{};
    if (request.expires_in_days() > 0) {
        const auto asked = sql::us(now + std::chrono::hours{24} * request.expires_in_days());
        expires = std::min(asked, expires.value_or(asked));
    }
    const auto row = work.exec_params1(
        "INSERT INTO quorate.credential (principal, secret_sha256, certificate, role, tenants,"
        " created_at, created_by, expires_at) VALUES ($1, nullif($2, ''), nullif($3, ''), $4, "
        "$5::text[], " +
            sql::timestamp("$6") + ", $7, " + sql::timestamp("$8") + ") RETURNING " + kColumns,
        request.principal(),
        secret.empty() ? secret : to_hex(sha256(secret)),
        request.certificate(),
        request.role(),
        tenants.empty() ? std::nullopt : std::optional{sql::array(tenants)},
        sql::us(now),
        caller.actor.principal,
        expires);
    v1::CreateTokenResponse out;
    fill(*out.mutable_token(), row);
    if (!secret.empty())
        out.set_secret(format_token({static_cast<std::int64_t>(out.token().id()), secret}));
    write_audit(work,
                caller.actor,
                {.method = "CreateToken",
                 .target = "token " + std::to_string(out.token().id()),
                 .tenants = tenants,
                 .changes = {{request.principal(), "", text_of(out.token())}}});
    return out;
}

v1::ListTokensResponse list_tokens(pqxx::work& work,
                                   const v1::ListTokensRequest& request,
                                   const Caller& caller) {
    const auto size = page_size(request.page_size(), 500, 5000);
    const auto before = id_after(request.page_token());
    v1::ListTokensResponse out;
    for (const auto& row :
         work.exec_params("SELECT " + kColumns +
                              " FROM quorate.credential WHERE ($1 OR revoked_at IS NULL)"
                              " AND ($2::text[] IS NULL OR tenants <@ $2::text[]) AND id < $3"
                              " ORDER BY id DESC LIMIT $4",
                          request.with_revoked(),
                          bound_to(caller),
                          before,
                          static_cast<std::int64_t>(size) + 1)) {
        if (static_cast<std::uint32_t>(out.tokens_size()) == size) {
            out.set_next_page_token(std::to_string(out.tokens().rbegin()->id()));
            break;
        }
        fill(*out.add_tokens(), row);
    }
    return out;
}

v1::RevokeTokenResponse revoke_token(pqxx::work& work,
                                     const v1::RevokeTokenRequest& request,
                                     const Caller& caller,
                                     const std::vector<std::string>& admins) {
    const auto id = static_cast<std::int64_t>(request.id());
    const auto found =
        work.exec_params("SELECT " + kColumns +
                             " FROM quorate.credential WHERE id = $1"
                             " AND ($2::text[] IS NULL OR tenants <@ $2::text[]) FOR UPDATE",
                         id,
                         bound_to(caller));
    if (found.empty()) throw NotFound{"there is no token " + std::to_string(request.id())};
    v1::Token token;
    fill(token, found[0]);
    v1::RevokeTokenResponse out;
    out.set_changed(!token.has_revoked_at_us());
    if (!out.changed()) return out;
    if (std::ranges::find(admins, token.certificate()) != admins.end())
        throw BadRequest{token.certificate() +
                         " stays an admin by grpc.admins of the coordinator's config: take it out "
                         "there first"};
    revoke(work, token, caller.actor);
    return out;
}

void revoke_tokens_of(pqxx::work& work, const std::string& tenant, const Actor& actor) {
    for (const auto& row :
         work.exec_params("SELECT " + kColumns +
                              " FROM quorate.credential WHERE revoked_at IS NULL"
                              " AND tenants = ARRAY[$1::text] ORDER BY id FOR UPDATE",
                          tenant)) {
        v1::Token token;
        fill(token, row);
        revoke(work, token, actor);
    }
}

}  // namespace quorate::coordinator

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "cli/json.hpp"
#include "cli/patch.hpp"
#include "cli/table.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

constexpr std::uint32_t kAuditPageMax = 1000;  // what the coordinator gives at once, or less

std::string expiry(const v1::Token& token) {
    return token.has_expires_at_us() ? time_text(token.expires_at_us()) : "never";
}

std::string reach(const v1::Token& token) {
    return token.tenants().empty() ? "all" : joined(token.tenants());
}

void create_token(const v1::CreateTokenRequest& request, Session& session) {
    v1::CreateTokenResponse answer;
    const auto status = session.admin().CreateToken(session.change().get(), request, &answer);
    if (!session.succeeded(status)) {
        if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS)
            session.fail("what it presents was told then, once: revoke it and create another");
        return;
    }
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    const auto& token = answer.token();
    std::cout << "token " << token.id() << ": " << printable(token.principal()) << " is "
              << token.role() << " of " << reach(token) << ", expires " << expiry(token) << '\n';
    if (answer.secret().empty())
        std::cout << "They show the client certificate of " << printable(token.certificate())
                  << '\n';
    else
        std::cout << "Shown this once; put it into a file and use --token-file:\n"
                  << answer.secret() << '\n';
}

void list_tokens(v1::ListTokensRequest request, Session& session) {
    v1::ListTokensResponse all;
    do {
        v1::ListTokensResponse page;
        if (!session.succeeded(session.admin().ListTokens(session.call().get(), request, &page)))
            return;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    if (session.prints_data()) {
        print_data(to_json(all).as_object()["tokens"], session.output);
        return;
    }
    Table table{{"ID",
                 "PRINCIPAL",
                 "ROLE",
                 "TENANTS",
                 "CERTIFICATE",
                 "CREATED",
                 "BY",
                 "EXPIRES",
                 "REVOKED"}};
    for (const auto& row : all.tokens())
        table.add({std::to_string(row.id()),
                   row.principal(),
                   row.role(),
                   reach(row),
                   row.certificate().empty() ? "-" : row.certificate(),
                   time_text(row.created_at_us()),
                   row.created_by(),
                   expiry(row),
                   time_text(row.has_revoked_at_us() ? std::optional{row.revoked_at_us()}
                                                     : std::nullopt)});
    print(table);
}

void revoke_token(std::uint64_t id, Session& session) {
    v1::RevokeTokenRequest request;
    request.set_id(id);
    v1::RevokeTokenResponse answer;
    if (!session.succeeded(session.admin().RevokeToken(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "token " << id << (answer.changed() ? " revoked" : " was revoked already")
                  << '\n';
}

struct AuditOptions {
    v1::ListAuditRequest request;
    std::uint32_t limit = 100;
    bool changes = false;
};

void print_audit(const v1::ListAuditResponse& answer, bool changes) {
    if (!changes) {
        Table table{
            {"ID", "AT", "PRINCIPAL", "CREDENTIAL", "METHOD", "TARGET", "OUTCOME", "REASON"}};
        for (const auto& row : answer.entries())
            table.add({std::to_string(row.id()),
                       time_text(row.at_us()),
                       row.principal(),
                       row.credential(),
                       row.method(),
                       row.target(),
                       row.detail().empty() ? row.outcome() : row.outcome() + ": " + row.detail(),
                       row.reason()});
        print(table);
        return;
    }
    for (const auto& row : answer.entries()) {
        std::cout << "audit " << row.id() << ' ' << time_text(row.at_us()) << ' '
                  << printable(row.principal()) << " (" << printable(row.credential()) << ") "
                  << row.method() << ' ' << printable(row.target()) << ": " << row.outcome()
                  << '\n';
        if (!row.reason().empty()) std::cout << "reason: " << printable(row.reason()) << '\n';
        if (!row.detail().empty()) std::cout << "detail: " << printable(row.detail()) << '\n';
        if (!row.peer().empty()) std::cout << "peer: " << printable(row.peer()) << '\n';
        for (const auto& change : row.changes())
            std::cout << patch_text(
                change.target(), change.before(), change.after(), terminal_wants_colour());
        if (row.changes_left_out() > 0)
            std::cout << row.changes_left_out() << " more changes are not kept in the log\n";
        std::cout << '\n';
    }
}

void list_audit(AuditOptions options, Session& session) {
    v1::ListAuditResponse all;
    auto& request = options.request;
    request.set_with_changes(options.changes || session.prints_data());
    do {
        const auto left = options.limit - static_cast<std::uint32_t>(all.entries_size());
        request.set_page_size(std::min(left, kAuditPageMax));
        v1::ListAuditResponse page;
        if (!session.succeeded(session.admin().ListAudit(session.call().get(), request, &page)))
            return;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty() &&
             static_cast<std::uint32_t>(all.entries_size()) < options.limit);
    if (session.prints_data())
        print_data(to_json(all).as_object()["entries"], session.output);
    else
        print_audit(all, options.changes);
}

void add_create(CLI::App& verb, Session& session) {
    auto request = std::make_shared<v1::CreateTokenRequest>();
    request->set_role("viewer");
    auto* create = verb.add_subcommand("create", "Gives somebody a role; shows the token once");
    create
        ->add_option_function<std::string>(
            "PRINCIPAL",
            [request](const std::string& name) { request->set_principal(name); },
            "whose it is, as the audit log shall name them")
        ->required();
    create
        ->add_option_function<std::string>(
            "--role",
            [request](const std::string& role) { request->set_role(role); },
            "viewer (the default), operator or admin")
        ->check(CLI::IsMember({"viewer", "operator", "admin"}));
    create->add_option_function<std::vector<std::string>>(
        "--tenant",
        [request](const std::vector<std::string>& tenants) {
            request->mutable_tenants()->Assign(tenants.begin(), tenants.end());
        },
        "only this tenant's; may be repeated (default: all)");
    create->add_option_function<std::uint32_t>(
        "--expires-in-days",
        [request](std::uint32_t days) { request->set_expires_in_days(days); },
        "0: never (the default)");
    create->add_option_function<std::string>(
        "--certificate",
        [request](const std::string& name) { request->set_certificate(name); },
        "no token: whoever shows a client certificate with this name has the role");
    create->callback([request, &session] { create_token(*request, session); });
}

}  // namespace

void add_token_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("token", "Says who may use the coordinator, and as what");
    verb->require_subcommand(1);
    add_create(*verb, session);
    auto request = std::make_shared<v1::ListTokensRequest>();
    auto* list = verb->add_subcommand("list", "Lists the tokens, without their secrets");
    list->add_flag_function(
        "--all", [request](std::int64_t) { request->set_with_revoked(true); }, "revoked ones too");
    list->callback([request, &session] { list_tokens(*request, session); });
    auto id = std::make_shared<std::uint64_t>();
    auto* revoke = verb->add_subcommand("revoke", "Ends a token at once and for ever");
    revoke->add_option("ID", *id, "as quorate token list shows it")->required();
    revoke->callback([id, &session] { revoke_token(*id, session); });
}

void add_audit_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<AuditOptions>();
    auto* verb = app.add_subcommand("audit", "Shows what was ordered, by whom and why");
    verb->add_option_function<std::string>(
        "--tenant",
        [options](const std::string& name) { options->request.set_tenant(name); },
        "only what concerns it");
    verb->add_option_function<std::string>(
        "--principal",
        [options](const std::string& name) { options->request.set_principal(name); },
        "only theirs");
    verb->add_option_function<std::string>(
        "--method",
        [options](const std::string& name) { options->request.set_method(name); },
        "only this method of the admin API, such as Apply");
    verb->add_option("--limit", options->limit, "how many, the newest first")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    verb->add_flag("--changes", options->changes, "what was before and after, like a patch");
    verb->callback([options, &session] { list_audit(*options, session); });
}

}  // namespace quorate::cli

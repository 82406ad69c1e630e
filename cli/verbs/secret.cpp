// Credentials of endpoints: set, listed without their values, deleted.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <unistd.h>

#include "cli/bounded_file.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/common_options.hpp"
#include "cli/verbs/verbs.hpp"
#include "core/time/time.hpp"
#include "platform/crypto/core_dumps.hpp"
#include "platform/crypto/secret_bytes.hpp"
#include "platform/crypto/wiped_at_end.hpp"
#include "platform/runtime/clock.hpp"

namespace quorate::cli {
namespace {

constexpr std::string_view kPem = "-----BEGIN ";
constexpr const char* kWhose = "whose it is (default: the context's tenant, or else default)";

struct SetOptions {
    v1::SetSecretRequest request;
    std::string file;
    std::string env;
    std::string expires;
};

/// From where it is, never from the command line, which everybody on the machine can read. Throws
/// std::runtime_error where it can't be read.
SecretBytes read_value(const SetOptions& options) {
    if (!options.env.empty()) {
        const char* found = std::getenv(options.env.c_str());
        if (found == nullptr)
            throw std::runtime_error{"the variable " + options.env + " is not set"};
        return SecretBytes{found};
    }
    if (options.file.empty() && isatty(STDIN_FILENO) != 0)
        throw std::runtime_error{
            "the value comes from a pipe, --from-file FILE or --from-env VARIABLE, never from the "
            "command line"};
    return read_bounded(options.file.empty() ? "-" : options.file);
}

/// Without the end of a line that an editor or `echo` wrote.
std::string_view without_line_end(std::string_view value) {
    if (value.starts_with(kPem)) return value;
    if (value.ends_with('\n')) value.remove_suffix(1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    return value;
}

/// A time, or how long from now.
std::optional<std::int64_t> expiry_us(const std::string& text) {
    auto time = parse_rfc3339(text);
    if (!time)
        if (const auto duration = parse_duration(text)) time = SystemClock{}.utc_now() + *duration;
    if (!time) return std::nullopt;
    return time->time_since_epoch().count();
}

std::string expiry_text(const v1::Secret& secret) {
    if (!secret.has_expires_at_us()) return "-";
    return time_text(secret.expires_at_us()) + " (" + secret.expires_from() + ")";
}

void set_secret(SetOptions& options, Session& session) {
    forbid_core_dumps();
    auto& request = options.request;
    const WipedAtEnd wiped{*request.mutable_value()};
    if (!options.expires.empty()) {
        const auto expires = expiry_us(options.expires);
        if (!expires) {
            session.fail(
                "--expires must be a time such as 2027-01-31T00:00:00Z, or a duration "
                "such as 90d");
            session.exit_status = Session::kUsage;
            return;
        }
        request.set_expires_at_us(*expires);
    }
    session.admin();  // it, too, refuses, and no value has been read then
    {
        const auto value = read_value(options);
        const auto text = without_line_end(value.view());
        request.mutable_value()->assign(text.data(), text.size());
    }
    v1::SetSecretResponse answer;
    const auto status = session.admin().SetSecret(session.change().get(), request, &answer);
    wipe(*request.mutable_value());
    if (!session.succeeded(status)) return;
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    const auto& secret = answer.secret();
    std::cout << "secret " << secret.tenant() << '/' << secret.name()
              << (answer.created() ? " set" : " has a new value") << " (version "
              << secret.version() << ')';
    if (secret.has_expires_at_us()) std::cout << "; expires " << expiry_text(secret);
    std::cout << '\n';
}

void list_secrets(v1::ListSecretsRequest request, Session& session) {
    v1::ListSecretsResponse all;
    do {
        v1::ListSecretsResponse page;
        if (!session.succeeded(session.admin().ListSecrets(session.call().get(), request, &page)))
            return;
        request.set_page_token(page.next_page_token());
        all.MergeFrom(page);
    } while (!request.page_token().empty());
    if (session.prints_data()) {
        print_data(to_json(all).as_object()["secrets"], session.output);
        return;
    }
    Table table{{"TENANT", "SECRET", "VERSION", "CHANGED", "BY", "EXPIRES", "ENDPOINTS"}};
    for (const auto& row : all.secrets())
        table.add({row.tenant(),
                   row.name(),
                   std::to_string(row.version()),
                   time_text(row.changed_at_us()),
                   row.changed_by(),
                   expiry_text(row),
                   row.endpoints().empty() ? "-" : joined(row.endpoints())});
    print(table);
}

void delete_secret(const v1::DeleteSecretRequest& request, Session& session) {
    v1::DeleteSecretResponse answer;
    if (!session.succeeded(session.admin().DeleteSecret(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else
        std::cout << "secret " << (request.tenant().empty() ? "" : request.tenant() + "/")
                  << request.name() << " deleted\n";
}

void rotate_secrets(const v1::RotateSecretsRequest& request, Session& session) {
    v1::RotateSecretsResponse answer;
    if (!session.succeeded(session.admin().RotateSecrets(session.change().get(), request, &answer)))
        return;
    if (session.prints_data())
        print_data(to_json(answer), session.output);
    else if (request.wrapping_key_only())
        std::cout << answer.data_keys() << " data keys wrapped anew by the wrapping key "
                  << answer.wrapping_key() << '\n';
    else
        std::cout << answer.data_keys() << " new data keys, " << answer.secrets()
                  << " secrets sealed anew; wrapped by the wrapping key " << answer.wrapping_key()
                  << '\n';
}

/// Options that name one secret.
template <class Request>
void add_name(CLI::App& verb, const std::shared_ptr<Request>& request) {
    verb.add_option_function<std::string>(
            "NAME",
            [request](const std::string& name) { request->set_name(name); },
            "its name, as endpoint files refer to it: {secret: NAME}")
        ->required();
}

template <class Request>
void add_tenant(CLI::App& verb, const std::shared_ptr<Request>& request, const char* text) {
    verb.add_option_function<std::string>(
        "--tenant", [request](const std::string& name) { request->set_tenant(name); }, text);
}

void add_set(CLI::App& verb, Session& session) {
    auto options = std::make_shared<SetOptions>();
    const std::shared_ptr<v1::SetSecretRequest> request{options, &options->request};
    auto* set = verb.add_subcommand(
        "set", "Keeps a credential, or gives it a new value, which is read from stdin");
    add_name(*set, request);
    add_tenant(*set, request, kWhose);
    auto* file = set->add_option("--from-file", options->file, "holds the value; -: stdin")
                     ->type_name("FILE");
    set->add_option("--from-env", options->env, "variable that holds the value")
        ->type_name("VARIABLE")
        ->excludes(file);
    set->add_option("--expires",
                    options->expires,
                    "when it does: a time (RFC 3339), or how long from now, such as 90d; a JWT "
                    "says it itself");
    set->callback([options, set, &session] {
        use_tenant(options->request, set->count("--tenant") > 0, session);
        set_secret(*options, session);
    });
}

}  // namespace

void add_secret_verb(CLI::App& app, Session& session) {
    auto* verb = app.add_subcommand("secret", "Keeps credentials that probes send");
    verb->require_subcommand(1);
    add_set(*verb, session);

    auto listed = std::make_shared<v1::ListSecretsRequest>();
    auto* list = verb->add_subcommand("list", "Lists secrets, without their values");
    add_tenant(*list, listed, "only this tenant's; '' for all where the context names one");
    list->callback([listed, list, &session] {
        use_tenant(*listed, list->count("--tenant") > 0, session);
        list_secrets(*listed, session);
    });

    auto deleted = std::make_shared<v1::DeleteSecretRequest>();
    auto* erase = verb->add_subcommand("delete", "Deletes a secret that no endpoint refers to");
    add_name(*erase, deleted);
    add_tenant(*erase, deleted, kWhose);
    erase->callback([deleted, erase, &session] {
        use_tenant(*deleted, erase->count("--tenant") > 0, session);
        delete_secret(*deleted, session);
    });

    auto rotated = std::make_shared<v1::RotateSecretsRequest>();
    auto* rotate = verb->add_subcommand(
        "rotate", "Encrypts secrets by new data keys; their values stay (see secret set)");
    // The context's tenant is not meant: whoever takes a key out of use must not leave out a tenant
    // without having said so.
    add_tenant(*rotate, rotated, "only this tenant's (default: all, whatever the context says)");
    rotate->add_flag_function(
        "--wrapping-key",
        [rotated](std::int64_t) { rotated->set_wrapping_key_only(true); },
        "keep the data keys, and wrap them by the first wrapping key that the coordinator has");
    rotate->callback([rotated, &session] { rotate_secrets(*rotated, session); });
}

}  // namespace quorate::cli

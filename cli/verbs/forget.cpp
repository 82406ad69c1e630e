#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/json.hpp"
#include "cli/table.hpp"
#include "cli/verbs/verbs.hpp"

namespace quorate::cli {
namespace {

/// As long as the coordinator tries.
constexpr std::chrono::hours kPatience{1};

struct ForgetOptions {
    v1::ForgetRequest request;
    bool yes = false;
};

void forget(const ForgetOptions& options, Session& session) {
    if (!options.yes) {
        session.fail("forget deletes history for good; say --yes too");
        return;
    }
    session.timeout = std::max<std::chrono::milliseconds>(session.timeout, kPatience);
    v1::ForgetResponse answer;
    if (!session.succeeded(
            session.admin().Forget(session.change().get(), options.request, &answer)))
        return;
    if (session.prints_data()) {
        print_data(to_json(answer), session.output);
        return;
    }
    Table table{{"TABLE", "ROWS DELETED"}};
    for (const auto& row : answer.rows())
        table.add({row.table(), std::to_string(row.rows())});
    print(table);
    std::cout << "receipt " << answer.audit_id() << " in the audit log, sha256 "
              << answer.receipt_sha256() << '\n';
}

}  // namespace

void add_forget_verb(CLI::App& app, Session& session) {
    auto options = std::make_shared<ForgetOptions>();
    auto* verb = app.add_subcommand(
        "forget", "Deletes everything known of a tenant or endpoint that is out of the catalogue");
    verb->add_option_function<std::string>(
            "--tenant",
            [options](const std::string& name) { options->request.set_tenant(name); },
            "whose")
        ->required();
    verb->add_option_function<std::string>(
        "--endpoint",
        [options](const std::string& name) { options->request.set_endpoint(name); },
        "only this one, by its name");
    verb->add_flag("--yes", options->yes, "really");
    verb->callback([options, &session] { forget(*options, session); });
}

}  // namespace quorate::cli

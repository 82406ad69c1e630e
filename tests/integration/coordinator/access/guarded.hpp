#pragma once

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/coordinator/running_app.hpp"
#include "tests/integration/probe/certificate_files.hpp"

namespace quorate::testing {

using coordinator::Config;
using Words = std::vector<std::string>;

inline CertificatePlan named(const std::string& name) {
    CertificatePlan plan;
    plan.name = name;
    return plan;
}

/// A coordinator that wants to know who calls; `ops.example.com` is an admin.
struct Guarded {
    explicit Guarded(double rate = 0) : app{config(rate)} {
        EXPECT_TRUE(comes_to_hold([this] { return ready(app.health_port()); }));
        lab.apply(
            "endpoints:\n"
            "  - {name: a, url: 'http://h/a'}\n"
            "  - {name: b, url: 'http://h/b', tenant: acme}\n");
    }

    Config config(double rate) const {
        auto made = config_for(lab, redis.url());
        made.grpc_tls = {server.certificate.path(), server.key.path(), authority.ca_file()};
        made.grpc_admins = {"ops.example.com"};
        made.grpc_rate = rate;
        return made;
    }
    CliRun plain(Words words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(app.admin_port())});
        return run_cli(words);
    }
    CliRun tls(Words words) const {
        words.insert(words.end(), {"--tls-ca", authority.ca_file()});
        return plain(std::move(words));
    }
    CliRun with(const CertificateFiles& identity, Words words) const {
        words.insert(words.end(),
                     {"--tls-cert", identity.certificate.path(), "--tls-key", identity.key.path()});
        return tls(std::move(words));
    }
    CliRun as_ops(Words words) const { return with(ops, std::move(words)); }
    CliRun with_token(const std::string& token, Words words) const {
        const TemporaryFile file{token + "\n"};
        words.insert(words.end(), {"--token-file", file.path()});
        return tls(std::move(words));
    }
    /// A new token's secret.
    std::string token(Words words) const {
        words.insert(words.begin(), {"token", "create"});
        words.insert(words.end(), {"-o", "json"});
        const auto made = as_ops(std::move(words));
        EXPECT_EQ(made.status, 0) << made.err;
        return made.status == 0
                   ? std::string{boost::json::parse(made.out).at("secret").as_string().c_str()}
                   : "";
    }
    std::string audited(const std::string& column, const std::string& where) const {
        return lab.sql("SELECT " + column + " FROM quorate.audit WHERE " + where +
                       (column == "count(*)" ? "" : " ORDER BY id"));
    }

    /// Refusals are written beside their calls.
    bool comes_to_say(const std::string& column,
                      const std::string& where,
                      const std::string& text) const {
        return comes_to_hold([&] { return audited(column, where) == text; });
    }

    Catalogued lab;
    RedisServer redis;
    TestAuthority authority;
    CertificateFiles server{authority};
    CertificateFiles ops{authority, named("ops.example.com")};
    RunningApp app;
};

}  // namespace quorate::testing

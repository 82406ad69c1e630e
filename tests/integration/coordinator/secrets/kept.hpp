#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include "coordinator/catalog/reports.hpp"
#include "coordinator/secrets/secrets.hpp"
#include "coordinator/secrets/vault.hpp"
#include "core/model/credentials.hpp"
#include "platform/telemetry/metrics.hpp"
#include "tests/integration/coordinator/lab.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {

using namespace std::chrono_literals;
using quorate::testing::Catalogued;
using quorate::testing::kNow;
using quorate::testing::run_task;

inline const std::string kValue = "tok-5e3c1a-do-not-tell";

/// A coordinator's secrets, as its own database role.
struct Kept : Catalogued {
    Kept() { use_keys(std::string(64, '1')); }

    /// Another config, and so another process.
    void use_keys(const std::string& ring) {
        const auto path = folder.path() + "/keys";
        std::ofstream{path} << ring << '\n';
        std::filesystem::permissions(path, std::filesystem::perms{0600});
        use({path, {}, {}});
    }
    void use(WrappingSource source) {
        keys = std::make_unique<DataKeys>(std::move(source));
        secrets = std::make_unique<Secrets>(
            SecretsContext{own, *keys, clock, log, [this] { ++changes; }});
        vault = std::make_unique<Vault>(io.get_executor(),
                                        VaultContext{own, *keys, clock, log, counts});
    }
    /// Another coordinator on the same database.
    struct Another {
        explicit Another(Kept& lab)
            : keys{{lab.folder.path() + "/keys", {}, {}}},
              secrets{SecretsContext{lab.own, keys, lab.clock, lab.log, [] {}}},
              lab_{lab} {}
        void rotate() { run_task(secrets.rotate({}, lab_.root)); }
        void set(const std::string& secret, const std::string& value) {
            run_task(secrets.set(lab_.request(secret, value), lab_.root));
        }
        DataKeys keys;
        Secrets secrets;

    private:
        Kept& lab_;
    };
    v1::SetSecretRequest request(const std::string& secret,
                                 const std::string& value = kValue,
                                 const std::string& tenant = "acme") const {
        v1::SetSecretRequest request;
        request.set_tenant(tenant);
        request.set_name(secret);
        request.set_value(value);
        return request;
    }
    v1::SetSecretResponse set(const v1::SetSecretRequest& request) {
        return run_task(secrets->set(request, root));
    }
    v1::SetSecretResponse set(const std::string& secret, const std::string& value = kValue) {
        return set(request(secret, value));
    }
    void remove(const std::string& secret) {
        v1::DeleteSecretRequest request;
        request.set_tenant("acme");
        request.set_name(secret);
        run_task(secrets->remove(request, root));
    }
    v1::RotateSecretsResponse rotate(bool wrapping_key_only = false) {
        v1::RotateSecretsRequest request;
        request.set_wrapping_key_only(wrapping_key_only);
        return run_task(secrets->rotate(request, root));
    }
    void give_key(const std::string& region, const BoxPrivateKey& key) {
        own.transact_blocking([&](auto& work) {
            const RegionId id{
                std::stoull(sql("SELECT id FROM quorate.region WHERE name = '" + region + "'"))};
            return store_region_key(work, id, key.public_key(), "ops");
        });
    }
    Region region(const std::string& wanted) const {
        return {RegionId{std::stoull(
                    sql("SELECT id FROM quorate.region WHERE name = '" + wanted + "'"))},
                wanted};
    }
    /// The endpoint of this file, as the planner keeps it.
    PlannedVersion planned(const std::string& yaml) {
        EXPECT_EQ(format_errors(apply("endpoints:\n" + yaml).errors), "");
        return version();
    }
    PlannedVersion version() {
        const auto update = database->transact_blocking(
            [](auto& work) { return load_catalogue(work, std::nullopt, UtcTime{}); });
        const auto& last = update.versions.back();
        const auto job = common_job(last, deployment.window);
        PlannedVersion planned;
        planned.endpoint = last.endpoint;
        planned.version = last.version;
        planned.credentials = std::make_shared<const WantedCredentials>(
            WantedCredentials{job.tenant, credential_uses(last.spec), credential_binding(job)});
        return planned;
    }
    /// A round of the vault's.
    void follow() {
        run_task(vault->look());
        run_task(vault->open_keys());
    }
    /// What the vault gives a job: header=value, or why nothing.
    std::string given(const PlannedVersion& version,
                      const std::string& region_name,
                      const BoxPrivateKey& key) {
        follow();
        const auto& sealed = vault->credentials(version, region(region_name));
        if (sealed.box.empty()) return "missing: " + sealed.missing;
        EXPECT_THAT(sealed.box, ::testing::Not(::testing::HasSubstr(kValue)));
        const auto plain = open_box(key, sealed.box, version.credentials->binding);
        if (!plain) return "closed";
        std::string all;
        const auto credentials = read_credentials(plain->view());
        for (const auto& each : *credentials)
            all.append(each.header).append("=").append(each.value).append(";");
        return all;
    }

    TemporaryFolder folder;
    Database own{[this] {
        DatabaseOptions options;
        options.conninfo = conninfo + " options='-c role=quorate_coordinator'";
        return options;
    }()};
    asio::io_context io{1};
    Logger log{"test", LogLevel::error, clock};
    Metrics metrics;
    CoordinatorMetrics counts{metrics};
    std::unique_ptr<DataKeys> keys;
    std::unique_ptr<Secrets> secrets;
    std::unique_ptr<Vault> vault;
    int changes = 0;
    Caller root{{"root", "local", "rollout"}, Role::admin, {}, {}};
};

inline const std::string kWalled =
    "  - {name: walled, tenant: acme, url: 'https://h/mcp', auth: {bearer: {secret: token}},"
    " headers: {X-Team: {secret: team}}}\n";

}  // namespace quorate::coordinator

#include "coordinator/config.hpp"

#include <set>

#include <boost/asio/ip/address.hpp>

#include "core/decision/region_set.hpp"
#include "platform/config/ip_address.hpp"
#include "platform/fleet/fleet.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::coordinator {
namespace {

std::string window_problem(milliseconds window) {
    if (Window::of(window)) return {};
    return "must be 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, 20s, 30s or 60s";
}

std::string regions_problem(const std::vector<std::string>& regions) {
    std::set<std::string> seen;
    for (const auto& region : regions) {
        if (!wire::is_name(region)) return std::string{"must name regions in "} + wire::kNameRule;
        if (!seen.insert(region).second) return "names the region " + region + " twice";
    }
    return {};
}

void declare_politeness(Schema<Config>& schema) {
    const auto rate = [&schema](std::string name, auto member, std::string text) {
        const auto of = [member](auto& config) -> auto& {
            return config.politeness.*member;
        };
        schema.key(std::move(name), of, std::move(text)).between(0, 1e9).live();
    };
    rate("politeness.origin_rate",
         &PolitenessLimits::origin,
         "Probes per second that one origin (scheme, host, port) gets, over all regions and on "
         "average over a window. Above it looks are held back, the same part of each endpoint's: "
         "UNKNOWN(backpressure) from all regions. 0: no limit.");
    rate("tiers.free.rate",
         &PolitenessLimits::free,
         "The same for the endpoints of one tenant of the tier `free`.");
    rate("tiers.team.rate",
         &PolitenessLimits::team,
         "The same for one tenant of the tier `team`, which a tenant has by default.");
    rate("tiers.enterprise.rate",
         &PolitenessLimits::enterprise,
         "The same for one tenant of the tier `enterprise`.");
}

ConfigProblems grpc_problems(const Config& config) {
    ConfigProblems problems;
    const auto& tls = config.grpc_tls;
    if (!tls.on() && !is_loopback(config.grpc_address))
        problems.push_back({"grpc.address", "must be a loopback address, or grpc.tls be set"});
    if (tls.on() && tls.key.empty())
        problems.push_back({"grpc.tls.key", "is missing beside grpc.tls.certificate"});
    if (!tls.on() && !tls.key.empty())
        problems.push_back({"grpc.tls.certificate", "is missing beside grpc.tls.key"});
    if (!tls.on() && !tls.client_ca.empty())
        problems.push_back({"grpc.tls.certificate", "is missing beside grpc.tls.client_ca"});
    if (!config.grpc_admins.empty() && tls.client_ca.empty())
        problems.push_back(
            {"grpc.admins", "names certificates, and there is no grpc.tls.client_ca"});
    return problems;
}

void declare_grpc(Schema<Config>& schema) {
    schema
        .key("grpc.address",
             &Config::grpc_address,
             "Where the admin API listens; without `grpc.tls` a loopback address.")
        .check(ip_address_problem);
    schema.key("grpc.port", &Config::grpc_port, "Port of the admin API.");
    const auto tls = [&schema](std::string name, auto member, std::string text) {
        const auto of = [member](auto& config) -> auto& {
            return config.grpc_tls.*member;
        };
        schema.key(std::move(name), of, std::move(text));
    };
    tls("grpc.tls.certificate",
        &AdminTls::certificate,
        "The admin API's certificate and its chain (PEM); read again when it changes. Without it "
        "there is no TLS, and whoever reaches the loopback address is an admin.");
    tls("grpc.tls.key", &AdminTls::key, "The certificate's private key (PEM).");
    tls("grpc.tls.client_ca",
        &AdminTls::client_ca,
        "Who signs client certificates (PEM). Without it clients need tokens.");
    schema
        .key("grpc.admins",
             &Config::grpc_admins,
             "Names of client certificates (their DNS, URI or e-mail names, without these the "
             "common name) whose bearers are admins. They give others a role: `quorate token`.")
        .items_between(0, 1000)
        .live();
    schema
        .key("grpc.rate",
             &Config::grpc_rate,
             "Calls per second that one principal may make, on average over 10 s. 0: no limit.")
        .between(0, 1e6)
        .live();
    schema.rule(grpc_problems);
}

ConfigProblems secrets_problems(const Config& config) {
    const auto& source = config.secrets;
    ConfigProblems problems;
    if (!source.file.empty() && !source.env.empty())
        problems.push_back({"secrets.key_env", "is given beside secrets.key_file"});
    if (!source.command.empty() && !source.command.front().starts_with('/'))
        problems.push_back({"secrets.key_command", "must begin with an absolute path"});
    return problems;
}

void declare_secrets(Schema<Config>& schema) {
    const auto source = [&schema](std::string name, auto member, std::string text) {
        const auto of = [member](auto& config) -> auto& {
            return config.secrets.*member;
        };
        return schema.key(std::move(name), of, std::move(text));
    };
    source("secrets.key_file",
           &WrappingSource::file,
           "File with the wrapping keys of secrets, 64 hexadecimal digits a line: the first wraps, "
           "all unwrap; read each time, and not open to everybody. Without one of the three there "
           "are no secrets.");
    source("secrets.key_env",
           &WrappingSource::env,
           "Name of the environment variable that holds the same.");
    source(
        "secrets.key_command",
        &WrappingSource::command,
        "A program (absolute path) and its arguments, run with `wrap TENANT` or `unwrap TENANT` "
        "behind them: a line in, a line out, within 10 s. So a key management service fits. One of "
        "the others beside it unwraps what it wrapped before.")
        .items_between(0, 32)
        .shown_as([](const std::vector<std::string>& words) {
            auto shown = words;  // an argument may be a token of the service
            if (shown.size() > 1) shown = {words.front(), "***"};
            return shown;
        });
    schema.rule(secrets_problems);
}

}  // namespace

Schema<Config> config_schema() {
    Schema<Config> schema{"quorate-coordinator"};
    schema
        .key("window",
             &Config::window,
             "Length of a verdict-minute; fixed once the database is set up.")
        .check(window_problem);
    schema
        .key("shards",
             &Config::shards,
             "How many shards endpoints are spread over; fixed once the database is set up.")
        .between(1, 4096);
    schema.key("regions", &Config::regions, "The regions that endpoints are watched from.")
        .required()
        .items_between(1, kRegionsMax)
        .check(regions_problem);
    schema
        .key(
            "name",
            &Config::name,
            "The coordinator's name: one of its own among the deployment's coordinators, kept over "
            "restarts. Without it the host's name and `grpc.port`, as in `host-7443`.")
        .check(member_name_problem);
    schema
        .key("postgres.conninfo",
             &Config::postgres_conninfo,
             "The database, as a libpq connection string.")
        .required()
        .secret();
    declare_redis(schema, &Config::redis);
    declare_politeness(schema);
    declare_grpc(schema);
    declare_secrets(schema);
    schema
        .key("health.address",
             &Config::health_address,
             "Where /livez, /readyz and /metrics are served.")
        .check(ip_address_problem);
    schema.key("health.port", &Config::health_port, "Port of /livez, /readyz and /metrics.");
    declare_heartbeat(schema, &Config::heartbeat);
    schema.key("log.level", &Config::log_level, "Least level of the lines in the log.")
        .one_of({"debug", "info", "warn", "error"})
        .live();
    return schema;
}

}  // namespace quorate::coordinator

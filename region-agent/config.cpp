#include "region-agent/config.hpp"

#include <boost/asio/ip/address.hpp>

#include "platform/redis/address.hpp"
#include "platform/wire/endpoint_check.hpp"

namespace quorate::agent {
namespace {

std::string name_problem(const std::string& name) {
    if (wire::is_name(name)) return {};
    return "must be lower-case letters, digits and hyphens, at most 63, is \"" + name + "\"";
}

std::string address_problem(const std::string& address) {
    boost::system::error_code error;
    boost::asio::ip::make_address(address, error);
    return error ? "must be an IP address, is \"" + address + "\"" : std::string{};
}

std::string file_problem(const std::filesystem::path& file) {
    std::error_code error;
    if (std::filesystem::is_regular_file(file, error)) return {};
    return "there is no file " + file.string();
}

}  // namespace

Schema<Config> config_schema() {
    Schema<Config> schema{"quorate-agent"};
    schema.key("region", &Config::region, "The region that this agent looks from.")
        .required()
        .check(name_problem);
    schema
        .key("name",
             &Config::name,
             "The agent's name: one of its own among the region's agents, kept over restarts.")
        .required()
        .check(name_problem);
    schema
        .key("redis.url",
             &Config::redis_url,
             "Redis of jobs and cells: `redis://HOST:PORT[/DB]` or `unix:///path`.")
        .required()
        .check(redis_url_problem);
    schema
        .key("concurrency",
             &Config::concurrency,
             "How many jobs it holds at a time, those that wait for their slot included.")
        .between(1, 20'000);
    schema
        .key("bind_address",
             &Config::bind_address,
             "Source address of probes; without it the kernel's choice.")
        .check(address_problem);
    schema
        .key("name_servers",
             &Config::name_servers,
             "DNS servers as `ADDRESS` or `ADDRESS:PORT`; without them those of the system.")
        .items_between(1, 8);
    schema
        .key("ca_file",
             &Config::ca_file,
             "PEM file of certificate authorities, trusted beside the system's.")
        .check(file_problem);
    schema.key("allow_private_addresses",
               &Config::allow_private_addresses,
               "Whether probes may reach loopback and private addresses.");
    schema
        .key("health.address",
             &Config::health_address,
             "Where /livez, /readyz and /metrics are served.")
        .check(address_problem);
    schema.key("health.port", &Config::health_port, "Port of /livez, /readyz and /metrics.");
    schema.key("log.level", &Config::log_level, "Least level of the lines in the log.")
        .one_of({"debug", "info", "warn", "error"});
    return schema;
}

}  // namespace quorate::agent

#include "region-agent/config.hpp"

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/model/http_url.hpp"
#include "platform/config/ip_address.hpp"
#include "platform/wire/endpoint_check.hpp"
#include "probe/resolver.hpp"
#include "region-agent/selfcheck/landmark.hpp"

namespace quorate::agent {
namespace {

std::string name_problem(const std::string& name) {
    if (wire::is_name(name)) return {};
    return fmt::format("must be {}, is \"{}\"", wire::kNameRule, name);
}

std::string landmarks_problem(const std::vector<std::string>& landmarks) {
    for (const auto& landmark : landmarks)
        if (!parse_landmark(landmark))
            return "must be HOST:PORT or http(s) URLs, one is \"" + landmark + "\"";
    return {};
}

std::string url_problem(const std::string& url) {
    if (parse_http_url(url) && is_header_value(url) && url.find_first_of("() ") == url.npos)
        return {};
    return "must be an http(s) URL, is \"" + url + "\"";
}

std::string name_servers_problem(const std::vector<std::string>& servers) {
    for (const auto& server : servers)
        if (!is_name_server(server))
            return "must be `ADDRESS`, `ADDRESS:PORT` or `[V6]:PORT`, is \"" + server + "\"";
    return {};
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
    declare_redis(schema, &Config::redis);
    schema.key("concurrency", &Config::concurrency, "How many probes may run at a time.")
        .between(1, 20'000);
    schema
        .key(
            "tenant_share",
            &Config::tenant_share,
            "Largest part of `concurrency` that one tenant may use while no other probes; the more "
            "tenants are busy, the less each gets, so that room is left for the next. 1: no "
            "limit.")
        .between(0.05, 1)
        .live();
    schema
        .key(
            "load_max",
            &Config::load_max,
            "Part of its CPU above which it refuses jobs (`backpressure`) rather than measure "
            "itself: of the one core that probes, or of all that it may use where that is less. 1: "
            "never.")
        .between(0.05, 1)
        .live();
    schema
        .key("bind_address",
             &Config::bind_address,
             "Source address of probes; without it the kernel's choice.")
        .check(ip_address_problem);
    schema
        .key("name_servers",
             &Config::name_servers,
             "DNS servers as `ADDRESS`, `ADDRESS:PORT` or `[V6]:PORT`; without them those of the "
             "system. With only one, a failing lookup is never the endpoint's fault.")
        .items_between(1, 8)
        .check(name_servers_problem);
    schema
        .key("landmarks",
             &Config::landmarks,
             "Places that are reachable whenever this agent's network works, as `HOST:PORT` or "
             "http(s) URL; it only connects. With two or more, none of them reachable means that "
             "the agent is blind.")
        .items_between(1, 8)
        .check(landmarks_problem);
    schema
        .key("self_check.every",
             &Config::self_check_every,
             "How often landmarks, name servers and descriptors are checked.")
        .between(std::chrono::seconds{1}, std::chrono::minutes{5});
    schema
        .key("ca_file",
             &Config::ca_file,
             "PEM file of certificate authorities, trusted beside the system's.")
        .check(file_problem);
    schema.key("allow_private_addresses",
               &Config::allow_private_addresses,
               "Whether probes may reach loopback and private addresses.");
    schema
        .key(
            "credential_keys",
            &Config::credential_keys,
            "Files with the region's private keys (X25519, PEM, not open to everybody), which open "
            "the credentials in jobs: the one in force, and while it is replaced the one before. "
            "Read at the start. Without one, endpoints that refer to secrets are "
            "UNKNOWN(auth_token_unavailable).")
        .items_between(0, 8);
    schema
        .key("contact_url",
             &Config::contact_url,
             "Where operators of probed servers read who probes them: it goes into `User-Agent` as "
             "`quorate/VERSION (+URL)`. Without it nothing does.")
        .check(url_problem);
    schema.key(
        "spool.directory",
        &Config::spool_directory,
        "Folder, of this agent alone, for cells that can't reach Redis: they survive the end "
        "of the agent and are recorded in order once Redis is back. Without it they wait in "
        "memory, 20000 at most.");
    schema
        .key("spool.bytes_max",
             &Config::spool_bytes_max,
             "Bytes of the spool's files; above it the oldest cells go. A cell takes some 300.")
        .between(1 << 20, std::int64_t{1} << 40U);
    schema
        .key("cells_expire_after",
             &Config::cells_expire_after,
             "When Redis forgets the cells of a minute that no archiver has sealed; the agents of "
             "a deployment should agree.")
        .between(std::chrono::hours{1}, std::chrono::hours{24 * 30});
    schema
        .key("health.address",
             &Config::health_address,
             "Where /livez, /readyz and /metrics are served.")
        .check(ip_address_problem);
    schema.key("health.port", &Config::health_port, "Port of /livez, /readyz and /metrics.");
    schema.key("log.level", &Config::log_level, "Least level of the lines in the log.")
        .one_of({"debug", "info", "warn", "error"})
        .live();
    return schema;
}

}  // namespace quorate::agent

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/config/schema.hpp"
#include "platform/redis/options.hpp"

namespace quorate {

/// The block `redis` of a daemon's config file, the same for all of them.
struct RedisSettings {
    std::string url;
    std::string user;
    std::filesystem::path password_file;
    bool tls = false;
    std::filesystem::path ca_file;
    std::filesystem::path certificate_file;
    std::filesystem::path key_file;
    std::string server_name;
    std::vector<std::string> sentinels;
    std::string sentinel_master;
    std::string sentinel_user;
    std::filesystem::path sentinel_password_file;
    int database = 0;
    bool cluster = false;
    std::vector<std::string> cluster_nodes;
};

/// What does not fit together in a block whose keys are sound each by itself.
ConfigProblems redis_problems(const RedisSettings& settings);

/// What a client needs, from a block that passed its schema.
RedisClientOptions redis_options(const RedisSettings& settings);

namespace detail {
std::string redis_file_problem(const std::filesystem::path& file);
std::string host_ports_problem(const std::vector<std::string>& items);
std::string sentinel_master_problem(const std::string& name);
}  // namespace detail

/// Declares the keys of the block, with their rules.
template <class Config>
void declare_redis(Schema<Config>& schema, RedisSettings Config::*block) {
    const auto of = [block](auto member) {
        return [ block, member ](auto& config) -> auto& {
            return (config.*block).*member;
        };
    };
    using Settings = RedisSettings;
    schema
        .key("redis.url",
             of(&Settings::url),
             "Redis of jobs and cells: `redis://[USER[:PASSWORD]@]HOST:PORT[/DB]`, `rediss://…` "
             "(TLS) or `unix:///path`. Required without `redis.sentinels`.")
        .check(redis_url_problem)
        .shown_as(without_password);
    schema.key("redis.user", of(&Settings::user), "ACL user; without it `default`.");
    schema
        .key("redis.password_file",
             of(&Settings::password_file),
             "File with the password, so that it stands neither here nor in the URL; read at each "
             "connect.")
        .check(detail::redis_file_problem);
    schema.key("redis.tls",
               of(&Settings::tls),
               "TLS to Redis, and to the sentinels; `rediss://` says the same.");
    schema
        .key("redis.ca_file",
             of(&Settings::ca_file),
             "PEM file of the authorities that Redis's certificate is verified by, they alone; "
             "without it the system's. This and the next two files are read at each connect.")
        .check(detail::redis_file_problem);
    schema
        .key("redis.certificate_file",
             of(&Settings::certificate_file),
             "PEM file of the client's certificate, with its chain.")
        .check(detail::redis_file_problem);
    schema
        .key("redis.key_file",
             of(&Settings::key_file),
             "PEM file of that certificate's key, without a passphrase.")
        .check(detail::redis_file_problem);
    schema.key("redis.server_name",
               of(&Settings::server_name),
               "Host name or IP address that Redis's certificate must name; without it the one "
               "that is connected to.");
    schema
        .key("redis.sentinels",
             of(&Settings::sentinels),
             "Sentinels as `HOST:PORT`, instead of `redis.url`: they are asked at each connect "
             "where the master is.")
        .items_between(1, 16)
        .check(detail::host_ports_problem);
    schema
        .key("redis.sentinel_master",
             of(&Settings::sentinel_master),
             "The master's name at the sentinels.")
        .check(detail::sentinel_master_problem);
    schema.key("redis.sentinel_user",
               of(&Settings::sentinel_user),
               "ACL user at the sentinels; without it `default`.");
    schema
        .key("redis.sentinel_password_file",
             of(&Settings::sentinel_password_file),
             "File with the password for the sentinels; without it none is given.")
        .check(detail::redis_file_problem);
    schema
        .key("redis.database",
             of(&Settings::database),
             "Number of the database behind sentinels; elsewhere the URL says it.")
        .between(0, kRedisDatabaseMax);
    schema.key("redis.cluster",
               of(&Settings::cluster),
               "Whether `redis.url` is a node of a Redis Cluster; the others are found by it.");
    schema
        .key("redis.cluster_nodes",
             of(&Settings::cluster_nodes),
             "Further nodes of the cluster as `HOST:PORT`, asked where the first does not answer.")
        .items_between(1, 64)
        .check(detail::host_ports_problem);
    schema.rule([block](const Config& config) { return redis_problems(config.*block); });
}

}  // namespace quorate

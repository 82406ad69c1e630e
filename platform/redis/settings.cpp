#include "platform/redis/settings.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <system_error>

namespace quorate {

namespace detail {

std::string redis_file_problem(const std::filesystem::path& file) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) return "there is no file " + file.string();
    return std::ifstream{file} ? std::string{} : file.string() + " can't be read";
}

std::string host_ports_problem(const std::vector<std::string>& items) {
    for (const auto& item : items)
        if (!parse_host_port(item))
            return "must be `HOST:PORT` or `[V6]:PORT` each, one is \"" + without_password(item) +
                   "\"";
    return {};
}

std::string sentinel_master_problem(const std::string& name) {
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == '_';
    });
    if (good) return {};
    return "must be letters, digits, `.`, `-` and `_`, is \"" + name + "\"";
}

}  // namespace detail

namespace {

/// The problems of one block, each under the full name of its key.
class Problems {
public:
    void add_if(bool wrong, std::string_view key, std::string message) {
        if (wrong) found_.push_back({"redis." + std::string{key}, std::move(message)});
    }
    ConfigProblems take() { return std::move(found_); }

private:
    ConfigProblems found_;
};

void check_place(const RedisSettings& settings, const RedisUrl& url, Problems& problems) {
    const bool by_sentinels = !settings.sentinels.empty();
    problems.add_if(settings.url.empty() && !by_sentinels, "url", "is required");
    problems.add_if(!settings.url.empty() && by_sentinels,
                    "sentinels",
                    "can't stand beside redis.url: they say where Redis is");
    problems.add_if(by_sentinels && settings.sentinel_master.empty(),
                    "sentinel_master",
                    "is required with redis.sentinels");
    const std::string needs_sentinels = "means nothing without redis.sentinels";
    problems.add_if(
        !by_sentinels && !settings.sentinel_master.empty(), "sentinel_master", needs_sentinels);
    problems.add_if(
        !by_sentinels && !settings.sentinel_user.empty(), "sentinel_user", needs_sentinels);
    problems.add_if(!by_sentinels && !settings.sentinel_password_file.empty(),
                    "sentinel_password_file",
                    needs_sentinels);
    problems.add_if(!by_sentinels && settings.database != 0,
                    "database",
                    "is for redis.sentinels alone; elsewhere redis.url says it");

    problems.add_if(
        settings.cluster && by_sentinels, "cluster", "can't be had through redis.sentinels");
    problems.add_if(settings.cluster && !url.address.socket_path.empty(),
                    "cluster",
                    "needs a node's host and port in redis.url");
    problems.add_if(settings.cluster && url.address.database != 0,
                    "cluster",
                    "has the database 0 alone, redis.url names another");
    problems.add_if(!settings.cluster && !settings.cluster_nodes.empty(),
                    "cluster_nodes",
                    "means nothing without redis.cluster");
}

void check_tls(const RedisSettings& settings, const RedisUrl& url, Problems& problems) {
    problems.add_if(settings.tls && !url.address.socket_path.empty(),
                    "tls",
                    "is not spoken over the Unix socket of redis.url");
    const bool tls = settings.tls || url.address.tls;
    const std::string needs_tls = "needs TLS: redis.tls, or rediss:// in redis.url";
    problems.add_if(!tls && !settings.ca_file.empty(), "ca_file", needs_tls);
    problems.add_if(!tls && !settings.certificate_file.empty(), "certificate_file", needs_tls);
    problems.add_if(!tls && !settings.key_file.empty(), "key_file", needs_tls);
    problems.add_if(!tls && !settings.server_name.empty(), "server_name", needs_tls);
    problems.add_if(tls && !settings.certificate_file.empty() && settings.key_file.empty(),
                    "certificate_file",
                    "needs redis.key_file");
    problems.add_if(tls && !settings.key_file.empty() && settings.certificate_file.empty(),
                    "key_file",
                    "needs redis.certificate_file");
}

void check_login(const RedisSettings& settings, const RedisUrl& url, Problems& problems) {
    problems.add_if(
        !settings.user.empty() && !url.user.empty(), "user", "stands in redis.url already");
    problems.add_if(!settings.password_file.empty() && !url.password.empty(),
                    "password_file",
                    "redis.url has a password already");
    const bool has_password = !settings.password_file.empty() || !url.password.empty();
    problems.add_if(!settings.user.empty() && !has_password, "user", "needs redis.password_file");
    problems.add_if(
        !url.user.empty() && !has_password, "url", "names a user: redis.password_file is needed");
    problems.add_if(!settings.sentinel_user.empty() && settings.sentinel_password_file.empty(),
                    "sentinel_user",
                    "needs redis.sentinel_password_file");
}

std::vector<RedisAddress> addresses(const std::vector<std::string>& items, bool tls) {
    std::vector<RedisAddress> found;
    for (const auto& item : items) {
        if (auto address = parse_host_port(item)) {
            address->tls = tls;
            found.push_back(*std::move(address));
        }
    }
    return found;
}

}  // namespace

ConfigProblems redis_problems(const RedisSettings& settings) {
    const auto url = parse_redis_url(settings.url).value_or(RedisUrl{});
    Problems problems;
    check_place(settings, url, problems);
    check_tls(settings, url, problems);
    check_login(settings, url, problems);
    return problems.take();
}

RedisClientOptions redis_options(const RedisSettings& settings) {
    auto url = parse_redis_url(settings.url).value_or(RedisUrl{});
    RedisClientOptions options;
    options.address = std::move(url.address);
    options.address.tls = options.address.tls || settings.tls;
    if (!settings.sentinels.empty()) options.address.database = settings.database;
    options.login = {settings.user.empty() ? std::move(url.user) : settings.user,
                     std::move(url.password),
                     settings.password_file};
    options.tls = {
        settings.ca_file, settings.certificate_file, settings.key_file, settings.server_name};
    options.sentinels = addresses(settings.sentinels, options.address.tls);
    options.sentinel_master = settings.sentinel_master;
    options.sentinel_login = {
        settings.sentinel_user, std::string{}, settings.sentinel_password_file};
    options.cluster = settings.cluster;
    options.cluster_nodes = addresses(settings.cluster_nodes, options.address.tls);
    return options;
}

}  // namespace quorate

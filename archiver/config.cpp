#include "archiver/config.hpp"

#include "platform/config/ip_address.hpp"
#include "platform/fleet/fleet.hpp"

namespace quorate {
namespace {

void declare_retention(Schema<ArchiverConfig>& schema) {
    constexpr milliseconds kDay{24 * 3'600'000};
    const auto length =
        [&](const char* key, milliseconds RetentionSettings::*member, const char* text) {
            schema
                .key(
                    key, [member](auto& config) -> auto& { return config.retention.*member; }, text)
                .between(kDay, 36'500 * kDay)
                .live();
        };
    length("retention.free",
           &RetentionSettings::free,
           "how long minutes and hours of tenants of tier free are kept");
    length("retention.team", &RetentionSettings::team, "the same of tier team, the default");
    length("retention.enterprise", &RetentionSettings::enterprise, "the same of tier enterprise");
    length("retention.days",
           &RetentionSettings::days,
           "how long days are kept, and windows and silences that are over; months are "
           "kept for ever");
    schema
        .key(
            "retention.drop",
            [](auto& config) -> auto& { return config.retention.drop; },
            "whether whole months of minutes are dropped by themselves once they are past every "
            "tier; look at quorate-archiver --retention first")
        .live();
}

}  // namespace

Schema<ArchiverConfig> archiver_schema() {
    Schema<ArchiverConfig> schema{"quorate-archiver"};
    schema
        .key("name",
             &ArchiverConfig::name,
             "The archiver's name: one of its own among the deployment's archivers, kept over "
             "restarts. Without it the host's name and `health.port`, as in `host-9103`.")
        .check(member_name_problem);
    schema
        .key("window",
             &ArchiverConfig::window,
             "length of a verdict-minute, the same in all daemons of a deployment")
        .check([](const milliseconds& length) {
            return Window::of(length)
                       ? std::string{}
                       : std::string{"must be 2s, 3s, 4s, 5s, 6s, 10s, 12s, 15s, 20s, 30s or 60s"};
        });
    schema.key("log.level", &ArchiverConfig::log_level, "least level that is logged")
        .one_of({"debug", "info", "warn", "error"})
        .live();
    schema
        .key("health.address",
             &ArchiverConfig::health_address,
             "IP address of /livez, /readyz and /metrics")
        .check(ip_address_problem);
    schema.key("health.port", &ArchiverConfig::health_port, "their port; 0: the system chooses")
        .between(0, 65535);
    declare_redis(schema, &ArchiverConfig::redis);
    schema
        .key("postgres.conninfo",
             &ArchiverConfig::postgres_conninfo,
             "libpq connection string of the database")
        .required()
        .secret();
    schema
        .key("shards",
             &ArchiverConfig::shards,
             "how many shards endpoints are spread over, the same in all daemons")
        .between(1, 4096);
    schema
        .key("rollup.every",
             &ArchiverConfig::rollup_every,
             "how often minutes are added to hours, days and months, at most: with many endpoints "
             "it is "
             "a quarter of a second for each, and at least once an hour")
        .between(milliseconds{100}, milliseconds{3'600'000});
    schema
        .key("compact_after",
             &ArchiverConfig::compact_after,
             "how old minutes are when they are packed into blocks, an hour of an endpoint each; "
             "they are read as before")
        .between(milliseconds{2 * 3'600'000}, milliseconds{36'500 * 24 * std::int64_t{3'600'000}});
    declare_retention(schema);
    declare_heartbeat(schema, &ArchiverConfig::heartbeat);
    return schema;
}

Window window_of(const ArchiverConfig& config) {
    return *Window::of(config.window);
}

}  // namespace quorate

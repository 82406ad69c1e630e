#pragma once

#include <filesystem>
#include <string>

#include "platform/config/schema.hpp"

namespace quorate {

/// The block `heartbeat` of a daemon's config file.
struct HeartbeatSettings {
    std::string url;  ///< empty: nobody is called
    milliseconds interval{60'000};
    std::filesystem::path ca_file;  ///< empty: the system's authorities
};

namespace detail {
std::string heartbeat_url_problem(const std::string& url);
std::string heartbeat_ca_problem(const std::filesystem::path& file);
}  // namespace detail

/// Declares the keys of the block, with their rules.
template <class Config>
void declare_heartbeat(Schema<Config>& schema, HeartbeatSettings Config::*block) {
    const auto of = [block](auto member) {
        return [ block, member ](auto& config) -> auto& {
            return (config.*block).*member;
        };
    };
    schema
        .key("heartbeat.url",
             of(&HeartbeatSettings::url),
             "`http://` or `https://` URL of a dead man's switch, called with GET while the daemon "
             "is well; any 2xx is an answer. Without it nobody is called.")
        .check(detail::heartbeat_url_problem)
        .secret();
    schema
        .key("heartbeat.interval",
             of(&HeartbeatSettings::interval),
             "How often; the alarm on the other side should wait for three of them.")
        .between(milliseconds{1000}, milliseconds{3'600'000});
    schema
        .key("heartbeat.ca_file",
             of(&HeartbeatSettings::ca_file),
             "PEM file of the authorities that its certificate is verified by, they alone; without "
             "it the system's. Read at each call.")
        .check(detail::heartbeat_ca_problem);
}

}  // namespace quorate

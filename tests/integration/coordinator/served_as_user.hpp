#pragma once

#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/coordinator/processes.hpp"
#include "tests/integration/coordinator/running_app.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate::testing {

using Words = std::vector<std::string>;

/// A server that knows the user `coordinator` besides the one that may do all.
inline Words with_coordinator(const Words& rights) {
    Words settings{"--user", "coordinator", "on", ">word", "~*", "+@all", "-@admin"};
    settings.insert(settings.end(), rights.begin(), rights.end());
    return settings;
}

/// A coordinator that is an ACL user in its Redis, asked through the program.
struct ServedAsUser {
    explicit ServedAsUser(const Words& rights = {"+acl|setuser"})
        : redis{RedisServer::Listen::tcp, with_coordinator(rights)}, app{config()} {
        EXPECT_TRUE(comes_to_hold([this] { return ready(app.health_port()); }));
    }
    CliRun quorate(Words words) const {
        words.insert(words.end(), {"--server", "127.0.0.1:" + std::to_string(app.admin_port())});
        return run_cli(words);
    }
    boost::json::object json(Words words) const {
        words.insert(words.end(), {"-o", "json"});
        const auto run = quorate(words);
        EXPECT_EQ(run.status, 0) << run.err;
        return run.status == 0 ? boost::json::parse(run.out).as_object() : boost::json::object{};
    }
    Catalogued lab;
    TestFolder folder;
    RedisServer redis;
    RunningApp app;

private:
    coordinator::Config config() const {
        auto made = config_for(lab, redis.url());
        made.redis.user = "coordinator";
        made.redis.password_file = folder.file("password", "word");
        return made;
    }
};

}  // namespace quorate::testing

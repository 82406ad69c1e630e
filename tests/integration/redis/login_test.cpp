#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/redis/watched.hpp"

namespace quorate {
namespace {

using testing::ask;
using testing::eventually;
using ::testing::HasSubstr;
using testing::is_answering;
using ::testing::Not;
using testing::options_for;
using testing::RedisServer;
using testing::refusal_of;
using testing::WatchedClient;
using testing::why_unavailable;
using testing::why_unreachable;
using testing::with_watched;

const std::vector<std::string> kUsers = {"--requirepass",
                                         "master-key",
                                         "--user",
                                         "reader",
                                         "on",
                                         ">hunter2",
                                         "~{rus-east}:*",
                                         "+ping",
                                         "+get"};

TEST(RedisLogin, WithoutOrWithAWrongPasswordItSaysWhyAndNotWhich) {
    const RedisServer server{RedisServer::Listen::tcp, kUsers};
    auto options = options_for(server);
    EXPECT_THAT(why_unreachable(options), HasSubstr("NOAUTH"));
    options.login.password = "letmein";
    EXPECT_THAT(why_unreachable(options), HasSubstr("WRONGPASS"));
    EXPECT_THAT(why_unreachable(options), Not(HasSubstr("letmein")));
    options.login.user = "nobody";
    EXPECT_THAT(why_unreachable(options), HasSubstr("WRONGPASS"));
}

TEST(RedisLogin, APasswordAloneIsTheDefaultUsers) {
    const RedisServer server{RedisServer::Listen::unix_socket, kUsers};
    auto options = options_for(server);
    options.login.password = "master-key";
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        RedisArgs who{"ACL", "WHOAMI"};
        EXPECT_EQ(co_await ask(watched.client, std::move(who)), "default");
    });
}

TEST(RedisLogin, AnAclUserMayDoWhatItsRulesSayAndTheConnectionOutlivesARefusal) {
    const RedisServer server{RedisServer::Listen::tcp, kUsers};
    auto options = options_for(server);
    options.login.user = "reader";
    options.login.password = "hunter2";
    with_watched(options, [](WatchedClient& watched) -> Task<> {
        RedisArgs own{"GET", "{rus-east}:x"};
        const auto reply = co_await watched.client.run(own);
        EXPECT_TRUE(reply.is_nil());
        RedisArgs foreign{"GET", "{reu-west}:x"};
        EXPECT_EQ(co_await refusal_of(watched.client, std::move(foreign)), "NOPERM");
        RedisArgs set{"SET", "{rus-east}:x", "1"};
        EXPECT_EQ(co_await refusal_of(watched.client, std::move(set)), "NOPERM");
        const auto again = co_await watched.client.run(own);
        EXPECT_TRUE(again.is_nil());
        EXPECT_EQ(watched.connects, 1);
    });
}

TEST(RedisLogin, APasswordFileIsReadAtEachConnect) {
    RedisServer server{RedisServer::Listen::tcp, kUsers};
    const TemporaryFile file{"hunter2\n"};
    auto options = options_for(server);
    options.login.user = "reader";
    options.login.password_file = file.path();
    with_watched(options, [&](WatchedClient& watched) -> Task<> {
        const auto answering = [&] { return is_answering(watched.client); };
        EXPECT_TRUE(co_await eventually(answering));
        auto changed = kUsers;
        changed.at(5) = ">correct-horse";
        server.kill();
        server.set_settings(std::move(changed));
        server.start();
        const auto refused = [&]() -> Task<bool> {
            const auto why = co_await why_unavailable(watched.client);
            co_return why.find("WRONGPASS") != std::string::npos;
        };
        EXPECT_TRUE(co_await eventually(refused));
        std::ofstream{file.path()} << "correct-horse";
        EXPECT_TRUE(co_await eventually(answering));
    });
}

TEST(RedisLogin, APasswordFileThatIsOfNoUseIsNamed) {
    const RedisServer server{RedisServer::Listen::tcp, kUsers};
    const TemporaryFile empty{"\n"};
    auto options = options_for(server);
    options.login.password_file = empty.path();
    EXPECT_THAT(why_unreachable(options), HasSubstr(empty.path() + " must hold a password"));
    options.login.password_file = empty.path() + ".missing";
    EXPECT_THAT(why_unreachable(options), HasSubstr(".missing can't be read"));
}

}  // namespace
}  // namespace quorate

#include "platform/redis/client.hpp"

#include <string>
#include <vector>

#include "tests/integration/redis/with_client.hpp"

namespace quorate {
namespace {

using testing::eventually;
using testing::options_for;
using testing::RedisServer;
using testing::run_on_executor;
using testing::serving;
using testing::with_client;

Task<> echo_and_compare(RedisClient& client, int number) {
    RedisArgs command{"ECHO", std::to_string(number)};
    const auto reply = co_await client.run(std::move(command));
    EXPECT_EQ(reply.text(), std::to_string(number));
}

Task<> expect_unavailable(RedisClient& client, milliseconds timeout) {
    RedisArgs command{"PING"};
    bool unavailable = false;
    try {
        co_await client.run(std::move(command), timeout);
    } catch (const RedisUnavailable&) {
        unavailable = true;
    }
    EXPECT_TRUE(unavailable);
}

Task<bool> answers(RedisClient& client) {
    RedisArgs command{"PING"};
    try {
        co_await client.run(std::move(command));
        co_return true;
    } catch (const RedisUnavailable&) {
        co_return false;
    }
}

TEST(RedisClient, ManyCoroutinesShareAConnectionAndEachGetsItsOwnReply) {
    for (const auto listen : {RedisServer::Listen::unix_socket, RedisServer::Listen::tcp}) {
        const RedisServer server{listen};
        with_client(server, [](RedisClient& client) -> Task<> {
            TaskGroup group{co_await asio::this_coro::executor, 1000};
            for (int i = 0; i < 1000; ++i)
                group.spawn("echo", echo_and_compare(client, i));
            co_await group.join();
            EXPECT_EQ(client.waiting(), 0U);
        });
    }
}

TEST(RedisClient, ArgumentsAreAnyBytes) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        std::string bytes;
        for (int i = 0; i < 256; ++i)
            bytes.push_back(static_cast<char>(i));
        bytes += "\r\n%s %b $";
        RedisArgs set{"SET", bytes, bytes};
        RedisArgs get{"GET", bytes};
        co_await client.run(std::move(set));
        const auto reply = co_await client.run(std::move(get));
        EXPECT_EQ(reply.text(), bytes);
    });
}

TEST(RedisClient, AnErrorOfTheServerIsARedisErrorAndTheConnectionGoesOn) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        std::vector<RedisArgs> commands;
        commands.push_back({"SET", "text", "abc"});
        commands.push_back({"INCR", "text"});
        commands.push_back({"STRLEN", "text"});
        const auto replies = co_await client.try_all(commands);
        EXPECT_EQ(replies.at(0).text(), "OK");
        EXPECT_NE(replies.at(1).error(), nullptr);
        EXPECT_EQ(replies.at(2).integer(), 3);
        EXPECT_THROW((void)replies.at(1).integer(), RedisError);
        std::string code;
        try {
            co_await client.run_all(commands);
        } catch (const RedisError& error) {
            code = error.code();
        }
        EXPECT_EQ(code, "ERR");
        RedisArgs wrong_type{"LPUSH", "text", "x"};
        try {
            co_await client.run(std::move(wrong_type));
        } catch (const RedisError& error) {
            code = error.code();
        }
        EXPECT_EQ(code, "WRONGTYPE");
    });
}

TEST(RedisClient, WhileRedisIsAwayACommandWaitsItsTimeoutAndThenSaysUnavailable) {
    RedisServer server;
    server.stop();
    with_client(server, [](RedisClient& client) -> Task<> {
        co_await expect_unavailable(client, milliseconds{50});
        EXPECT_FALSE(client.reachable());
        EXPECT_EQ(client.waiting(), 0U);
    });
}

TEST(RedisClient, ACommandGivenWhileRedisIsAwayRunsWhenItComes) {
    RedisServer server;
    server.stop();
    with_client(server, [&](RedisClient& client) -> Task<> {
        TaskGroup group{co_await asio::this_coro::executor, 1};
        group.spawn("echo", echo_and_compare(client, 7));
        const auto tried = [&]() -> Task<bool> { co_return client.waiting() == 1; };
        co_await eventually(tried);
        server.start();
        co_await group.join();
    });
}

TEST(RedisClient, AfterAKillItComesBackAndTellsEachChange) {
    RedisServer server;
    run_on_executor([&]() -> Task<> {
        RedisClient client{co_await asio::this_coro::executor, options_for(server)};
        std::vector<bool> changes;
        client.on_change([&](bool reachable, const std::string& why) {
            changes.push_back(reachable);
            EXPECT_EQ(why.empty(), reachable);
        });
        std::vector<RedisClient*> clients{&client};
        std::function<Task<>()> body = [&]() -> Task<> {
            const auto answering = [&] { return answers(client); };
            EXPECT_TRUE(co_await eventually(answering));
            server.kill();
            co_await expect_unavailable(client, milliseconds{200});
            server.start();
            EXPECT_TRUE(co_await eventually(answering));
        };
        co_await serving(std::move(clients), std::move(body));
        EXPECT_EQ(changes, (std::vector<bool>{true, false, true}));
    });
}

TEST(RedisClient, AReplyThatDoesNotComeInTimeBreaksTheConnectionAndTheNextOneWorks) {
    RedisServer server;
    with_client(server, [&](RedisClient& client) -> Task<> {
        const auto answering = [&] { return answers(client); };
        EXPECT_TRUE(co_await eventually(answering));
        server.pause();
        co_await expect_unavailable(client, milliseconds{50});
        server.resume();
        EXPECT_TRUE(co_await eventually(answering));
        co_await echo_and_compare(client, 42);  // no reply of the abandoned PING in its place
    });
}

TEST(RedisClient, AboveItsBoundItRefusesAtOnce) {
    RedisServer server;
    server.stop();
    run_on_executor([&]() -> Task<> {
        auto options = options_for(server);
        options.commands_max = 3;
        const auto executor = co_await asio::this_coro::executor;
        RedisClient client{executor, options};  // not served: nothing can leave the queue
        TaskGroup group{executor, 3};
        for (int i = 0; i < 3; ++i)
            group.spawn("wait", expect_unavailable(client, milliseconds{100}));
        const auto full = [&]() -> Task<bool> { co_return client.waiting() == 3; };
        co_await eventually(full);
        const auto before = SystemClock{}.steady_now();
        co_await expect_unavailable(client, std::chrono::minutes{10});
        EXPECT_LT(SystemClock{}.steady_now() - before, std::chrono::minutes{1});
        co_await group.join();
        EXPECT_EQ(client.waiting(), 0U);
    });
}

TEST(RedisClient, ACancelledCommandLeavesTheOthersTheirReplies) {
    const RedisServer server;
    with_client(server, [](RedisClient& client) -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        co_await echo_and_compare(client, 0);  // connected
        TaskGroup cancelled{executor, 100};
        TaskGroup kept{executor, 100};
        for (int i = 0; i < 100; ++i) {
            cancelled.spawn("cancelled", echo_and_compare(client, i));
            kept.spawn("kept", echo_and_compare(client, 1000 + i));
        }
        const auto sent = [&]() -> Task<bool> { co_return client.waiting() > 0; };
        co_await eventually(sent);
        cancelled.cancel();
        co_await cancelled.join();
        co_await kept.join();
    });
}

TEST(RedisClient, WhenItStopsWhatWaitsFails) {
    RedisServer server;
    server.stop();
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        RedisClient client{executor, options_for(server)};
        TaskGroup serve{executor, 1};
        TaskGroup waiting{executor, 1};
        serve.spawn("serve", client.serve());
        waiting.spawn("wait", expect_unavailable(client, std::chrono::minutes{10}));
        const auto full = [&]() -> Task<bool> { co_return client.waiting() == 1; };
        co_await eventually(full);
        serve.cancel();
        co_await serve.join();
        co_await waiting.join();
        co_await expect_unavailable(client, std::chrono::minutes{10});
    });
}

TEST(RedisClient, ItSelectsTheDatabaseOfTheUrl) {
    const RedisServer server{RedisServer::Listen::tcp};
    run_on_executor([&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        auto options = options_for(server);
        RedisClient zero{executor, options};
        options.address.database = 3;
        RedisClient three{executor, options};
        std::vector<RedisClient*> clients{&zero, &three};
        std::function<Task<>()> body = [&]() -> Task<> {
            RedisArgs set{"SET", "key", "value"};
            co_await three.run(set);
            RedisArgs size{"DBSIZE"};
            const auto in_zero = co_await zero.run(size);
            const auto in_three = co_await three.run(size);
            EXPECT_EQ(in_zero.integer(), 0);
            EXPECT_EQ(in_three.integer(), 1);
        };
        co_await serving(std::move(clients), std::move(body));
    });
}

}  // namespace
}  // namespace quorate

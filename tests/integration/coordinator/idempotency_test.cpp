// Calls that bear an idempotency key are done once, through the program.
#include <thread>

#include <gmock/gmock.h>

#include "tests/integration/coordinator/served_as_user.hpp"

namespace quorate::coordinator {
namespace {

using ::testing::HasSubstr;
using Served = quorate::testing::ServedAsUser;
using Run = quorate::CliRun;

Run create_silence(const Served& served, const std::string& key) {
    std::vector<std::string> words{
        "silence", "create", "--tenant", "acme", "--for", "1h", "--reason", "r", "--owner", "o"};
    if (!key.empty()) words.insert(words.end(), {"--idempotency-key", key});
    return served.quorate(std::move(words));
}

std::string silences(const Served& served) {
    return served.lab.sql("SELECT count(*) FROM quorate.silence");
}

struct Keyed : Served {
    Keyed() {
        lab.apply("endpoints:\n  - {name: a, tenant: acme, url: 'http://h/'}\n");
        EXPECT_EQ(create_silence(*this, "").err, "");
        EXPECT_EQ(silences(*this), "1");
    }
};

TEST(IdempotencyKey, ACallThatIsRepeatedIsDoneOnceAndSaysSo) {
    Keyed served;
    EXPECT_EQ(create_silence(served, "nightly-1").status, 0);
    const auto again = create_silence(served, "nightly-1");
    EXPECT_EQ(again.status, 0) << "as was wanted";
    EXPECT_THAT(again.err, HasSubstr("CreateSilence was done with this idempotency key at 2"));
    EXPECT_EQ(again.out, "");
    EXPECT_EQ(silences(served), "2");
    EXPECT_EQ(create_silence(served, "nightly-2").err, "");
    EXPECT_EQ(silences(served), "3");
    EXPECT_EQ(create_silence(served, "").err, "");
    EXPECT_EQ(create_silence(served, "").err, "");
    EXPECT_EQ(silences(served), "5");
}

TEST(IdempotencyKey, OfManyAtOnceOneIsDone) {
    Keyed served;
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i)
        callers.emplace_back([&] { EXPECT_EQ(create_silence(served, "storm").status, 0); });
    for (auto& caller : callers)
        caller.join();
    EXPECT_EQ(silences(served), "2");
}

TEST(IdempotencyKey, ACallThatChangedNothingDoesNotUseItUp) {
    Keyed served;
    const auto bad = served.folder.file("bad.yaml", "endpoints:\n  - {name: b, url: 'nowhere'}\n");
    const auto good =
        served.folder.file("good.yaml", "endpoints:\n  - {name: b, url: 'http://h/'}\n");
    const auto apply = [&](const std::string& file) {
        return served.quorate({"apply", "-f", file, "--idempotency-key", "release-7"});
    };
    EXPECT_EQ(apply(bad).status, 1);
    EXPECT_THAT(apply(good).out, HasSubstr("1 created"));
    EXPECT_THAT(apply(good).err, HasSubstr("Apply was done with this idempotency key"));
    const auto other =
        served.folder.file("c.yaml", "endpoints:\n  - {name: c, url: 'http://h/'}\n");
    const auto another = apply(other);
    EXPECT_EQ(another.status, 1) << "it was not done";
    EXPECT_THAT(another.err, HasSubstr("for another Apply: nothing was done; take another key"));
}

TEST(IdempotencyKey, WhatIsGoneByThenWasDoneToo) {
    Keyed served;
    const auto pause = [&](const std::string& verb) {
        return served.quorate({verb, "acme/a", "--idempotency-key", "n1"});
    };
    EXPECT_EQ(pause("pause").err, "");
    EXPECT_THAT(pause("pause").err, HasSubstr("SetPaused was done"));
    EXPECT_THAT(pause("resume").err, HasSubstr("for another SetPaused: nothing was done"));
    const auto token = [&] {
        return served.quorate(
            {"token", "create", "ci", "--role", "viewer", "--idempotency-key", "t"});
    };
    EXPECT_EQ(token().status, 0);
    const auto again = token();
    EXPECT_EQ(again.status, 1) << "there is no token to go on with";
    EXPECT_THAT(again.err, HasSubstr("revoke it and create another"));
}

TEST(IdempotencyKey, OneThatIsNoneIsRefused) {
    Keyed served;
    for (const auto& key : {std::string(65, 'k'), std::string{"two words"}}) {
        EXPECT_EQ(create_silence(served, key).status, 2) << "the program sends none";
        quorate::testing::Call call;
        call.context.AddMetadata("quorate-idempotency-key", key);
        v1::SetPausedRequest request;
        request.set_endpoint("acme/a");
        v1::SetPausedResponse response;
        const auto status = served.app.admin().SetPaused(&call.context, request, &response);
        EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
        EXPECT_THAT(status.error_message(),
                    HasSubstr("an idempotency key has 1 to 64 printable characters"));
    }
}

}  // namespace
}  // namespace quorate::coordinator

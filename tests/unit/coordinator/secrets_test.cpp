#include "coordinator/secrets/secrets.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>

#include "coordinator/secrets/expiry.hpp"
#include "coordinator/secrets/wrapping_key.hpp"
#include "core/base/text.hpp"
#include "platform/crypto/aead.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

const std::string kFirst(64, '1');
const std::string kSecond = std::string(63, '2') + "a";

struct Files {
    std::string write(const std::string& name, const std::string& text, int mode = 0600) const {
        const auto path = folder.path() + "/" + name;
        std::ofstream{path} << text;
        std::filesystem::permissions(path, std::filesystem::perms(mode));
        return path;
    }
    WrappingKey of(const std::string& text) const {
        return WrappingKey{{write("keys", text), {}, {}}};
    }
    WrappingKey command(const std::string& script) const {
        return WrappingKey{{{}, {}, {write("kms", "#!/bin/sh\n" + script, 0700), "--key", "k"}}};
    }
    TemporaryFolder folder;
};

template <class Call>
void locked(Call call, const std::string& why) {
    EXPECT_THAT(call, ThrowsMessage<SecretsLocked>(HasSubstr(why)));
}

TEST(WrappingKey, TheFirstOfTheFileWrapsAndAllUnwrap) {
    const Files files;
    const auto data_key = random_bytes(kAeadKeySize);
    const auto old = files.of("# the key of 2026\n" + kFirst + "\n").wrap(data_key, "acme");
    const auto both = files.of(kSecond + "\n\n  " + kFirst + " \r\n");
    EXPECT_EQ(both.unwrap(old, "acme").view(), data_key.view());
    const auto fresh = both.wrap(data_key, "acme");
    EXPECT_NE(fresh.wrapping_key, old.wrapping_key);
    EXPECT_EQ(fresh.wrapping_key, both.current());
    EXPECT_EQ(files.of(kSecond).unwrap(fresh, "acme").view(), data_key.view());
    locked([&] { both.unwrap(fresh, "other"); }, "does not open it");
    const auto second_alone = files.of(kSecond);
    locked([&] { second_alone.unwrap(old, "acme"); }, "which this coordinator does not have");
    EXPECT_THAT(fresh.bytes, Not(HasSubstr(std::string{data_key.view()})));
}

TEST(WrappingKey, AFileOfNoUseIsNamedAndNothingOfItRepeated) {
    const Files files;
    locked([&] { WrappingKey{{"/nowhere/keys", {}, {}}}.check(); }, "/nowhere/keys");
    locked([&] { files.of("").check(); }, "has no wrapping key");
    locked([&] { files.of(kFirst + "\n" + kSecond.substr(1)).check(); }, "line 2");
    EXPECT_THAT([&] { files.of("hunter2-hunter2").check(); },
                ThrowsMessage<SecretsLocked>(Not(HasSubstr("hunter2"))));
    const WrappingKey open{{files.write("open", kFirst, 0644), {}, {}}};
    locked([&] { open.check(); }, "open to everybody");
    locked([&] { WrappingKey{{}}.current(); }, "has no wrapping key: set secrets.key_file");
}

TEST(WrappingKey, ComesFromTheEnvironmentToo) {
    const auto data_key = random_bytes(kAeadKeySize);
    ::setenv("QUORATE_TEST_WRAPPING_KEY", (kFirst + "\n" + kSecond).c_str(), 1);
    const WrappingKey key{{{}, "QUORATE_TEST_WRAPPING_KEY", {}}};
    const Files files;
    EXPECT_EQ(files.of(kFirst).unwrap(key.wrap(data_key, "acme"), "acme").view(), data_key.view());
    ::unsetenv("QUORATE_TEST_WRAPPING_KEY");
    locked([&] { key.check(); }, "QUORATE_TEST_WRAPPING_KEY of secrets.key_env is not set");
}

TEST(WrappingKey, ACommandWrapsAndUnwrapsAsAKeyManagementServiceDoes) {
    const Files files;
    // "Encrypts" by turning the line round; the tenant is its context.
    const auto kms = files.command(
        "read line || exit 9\n"
        "case $3 in wrap) echo \"$4:$(echo \"$line\" | rev)\";;\n"
        "unwrap) [ \"${line%%:*}\" = \"$4\" ] || exit 3; echo \"${line#*:}\" | rev;; esac\n");
    const auto data_key = random_bytes(kAeadKeySize);
    const auto wrapped = kms.wrap(data_key, "acme");
    EXPECT_EQ(wrapped.wrapping_key, "command");
    EXPECT_THAT(wrapped.bytes, HasSubstr("acme:"));
    EXPECT_EQ(kms.unwrap(wrapped, "acme").view(), data_key.view());
    locked([&] { kms.unwrap(wrapped, "other"); }, "failed with status 3");
    locked(
        [&] {
            kms.unwrap({"x", "0123456789abcdef"}, "acme");
        },
        "wrapped by the key 0123456789abcdef, not by secrets.key_command");
    locked([&] { files.of(kFirst).unwrap(wrapped, "acme"); }, "wrapped by the key command");
    const auto before = files.of(kFirst).wrap(data_key, "acme");
    const WrappingKey both{
        {files.folder.path() + "/keys", {}, {files.folder.path() + "/kms", "--key", "k"}}};
    EXPECT_EQ(both.current(), "command");
    EXPECT_EQ(both.unwrap(before, "acme").view(), data_key.view()) << "on the way to a service";
    EXPECT_EQ(both.unwrap(wrapped, "acme").view(), data_key.view());
}

TEST(WrappingKey, ACommandThatMisbehavesIsBoundedAndItsWordsAreNotRepeated) {
    const Files files;
    const auto data_key = random_bytes(kAeadKeySize);
    locked([&] { files.command("exit 7").wrap(data_key, "acme"); }, "failed with status 7");
    locked([&] { files.command("exit 0").wrap(data_key, "acme"); }, "printed nothing");
    locked([&] { files.command("yes").wrap(data_key, "acme"); }, "more than 8192 bytes");
    locked([&] { files.command("kill -9 $$").wrap(data_key, "acme"); }, "failed with status -9");
    EXPECT_THAT([&] { files.command("cat; exit 1").wrap(data_key, "acme"); },
                ThrowsMessage<SecretsLocked>(Not(HasSubstr(to_hex_text(data_key.view())))));
    locked(
        [&] {
            WrappingKey{{{}, {}, {"/nowhere/kms"}}}.wrap(data_key, "acme");
        },
        "/nowhere/kms: No such file");
    const WrappedKey wrapped{"x", "command"};
    locked([&] { files.command("echo abc").unwrap(wrapped, "acme"); },
           "did not print 64 hexadecimal digits");
}

TEST(WrappingKey, ACommandThatDoesNotEndIsKilled) {
    const Files files;
    const auto ends = [&](const std::string& name, const std::string& script) {
        const auto path = files.write(name, "#!/bin/sh\n" + script, 0700);
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_THAT([&] { run_key_command({path}, SecretBytes{"x\n"}, milliseconds{300}); },
                    ThrowsMessage<SecretsLocked>(HasSubstr("did not end within")))
            << script;
        EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{20}) << script;
    };
    ends("silent", "exec sleep 60\n");
    ends("deaf", "exec >&-\nexec sleep 60\n");  // its answer ends, and it does not
    ends("slow", "while :; do printf x; sleep 0.05; done\n");
}

std::string base64url(const boost::json::value& value) {
    auto text = to_base64(boost::json::serialize(value));
    for (auto& c : text)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return text.substr(0, text.find('='));
}

std::string jwt(const boost::json::value& claims) {
    return base64url({{"alg", "RS256"}, {"typ", "JWT"}}) + "." + base64url(claims) +
           ".c2lnbmF0dXJl";
}

TEST(Expiry, IsTheClaimExpOfAJwtAndOfNothingElse) {
    const auto expires = [](const std::string& value) {
        const auto time = jwt_expiry(value);
        return time ? to_rfc3339(*time) : "none";
    };
    EXPECT_EQ(expires(jwt({{"exp", 1'800'000'000}})), "2027-01-15T08:00:00Z");
    EXPECT_EQ(expires("Bearer " + jwt({{"exp", 1'800'000'000.9}, {"sub", "a"}})),
              "2027-01-15T08:00:00Z");
    for (int pad = 0; pad < 4; ++pad)
        EXPECT_EQ(expires(jwt({{"sub", std::string(static_cast<std::size_t>(pad), '?')},
                               {"exp", 1'800'000'000}})),
                  "2027-01-15T08:00:00Z");
    EXPECT_EQ(expires(jwt({{"sub", "a"}})), "none");
    EXPECT_EQ(expires(jwt({{"exp", "soon"}})), "none");
    EXPECT_EQ(expires(jwt({{"exp", -1}})), "none");
    EXPECT_EQ(expires(jwt({{"exp", 1e300}})), "none");
    EXPECT_EQ(expires("not.a.jwt"), "none");
    EXPECT_EQ(expires("a.b.c.d"), "none");
    for (const auto* plain : {"", "..", "sk-plain-token-1234"})
        EXPECT_EQ(expires(plain), "none");
}

TEST(SecretValue, IsWhatCanStandInAHeaderOrPem) {
    EXPECT_EQ(problem_of_secret("sk-12345"), "");
    EXPECT_EQ(problem_of_secret("Basic dXNlcjpwYXNz"), "");
    EXPECT_EQ(problem_of_secret("-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"),
              "");
    EXPECT_THAT(problem_of_secret("short"), HasSubstr("at least 8"));
    for (const auto* bad : {"two\nlines-of-it",
                            "ends-with-a-line\n",
                            " leading-space",
                            "trailing-space ",
                            "control\x01-character"}) {
        const auto problem = problem_of_secret(bad);
        EXPECT_THAT(problem, HasSubstr("can't stand in a header")) << bad;
        EXPECT_THAT(problem, Not(HasSubstr(bad)));
    }
    EXPECT_THAT(problem_of_secret(std::string(8193, 'x')), HasSubstr("8192"));
    EXPECT_THAT(problem_of_secret("-----BEGIN " + std::string(65'536, 'x')), HasSubstr("65536"));
}

}  // namespace
}  // namespace quorate::coordinator

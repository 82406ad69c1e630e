// `quorate config`, and what a context means for the other verbs. No coordinator runs here.
#include <filesystem>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"

namespace quorate {
namespace {

using Words = std::vector<std::string>;
using Variables = std::vector<std::pair<std::string, std::string>>;

/// A file of contexts of its own, which is not there at first.
class ContextsTest : public ::testing::Test {
protected:
    CliRun run(const Words& words, Variables variables = {}) const {
        variables.insert(variables.begin(), {"QUORATE_CONFIG", file_});
        return run_cli(words, variables);
    }
    std::string done(const Words& words, const Variables& variables = {}) const {
        const auto result = run(words, variables);
        EXPECT_EQ(result.status, 0) << words[1] << ": " << result.err;
        EXPECT_EQ(result.err, "");
        return result.out;
    }
    /// What a setting is, and where it comes from.
    std::string setting(const std::string& name,
                        Words words = {},
                        const Variables& variables = {}) const {
        words.insert(words.end(), {"config", "show", "-o", "json"});
        const auto shown = boost::json::parse(done(words, variables));
        for (const auto& row : shown.at("settings").as_array())
            if (row.at("name").as_string() == name)
                return std::string{row.at("value").as_string()} + " from " +
                       std::string{row.at("from").as_string()};
        return "none";
    }

    TestFolder folder_;
    std::string file_ = folder_.path("config.yaml");
};

TEST_F(ContextsTest, AreKeptShownUsedAndDeleted) {
    const auto token = folder_.file("token", "t");
    EXPECT_EQ(done({"config", "path"}), file_ + "\n");
    EXPECT_EQ(done({"config", "list", "-o", "json"}), "[]\n");
    EXPECT_EQ(done({"config",
                    "set",
                    "prod",
                    "--server",
                    "q.example.com:7443",
                    "--tls",
                    "--token-file",
                    token,
                    "--tenant",
                    "acme"}),
              "context prod added; quorate config use prod makes it the current one\n");
    EXPECT_EQ(done({"config", "use", "prod"}), "context prod is the current one\n");
    EXPECT_EQ(done({"config", "set", "prod", "--no-tls", "--tenant", ""}),
              "context prod changed\n");
    EXPECT_EQ(done({"config", "show", "prod", "-o", "json"}),
              R"({"name": "prod", "current": true, "server": "q.example.com:7443", "tls": false, )"
              R"("tls_ca": null, "tls_cert": null, "tls_key": null, "tls_server_name": null, )"
              R"("token_file": ")" +
                  token + R"(", "tenant": null, "output": null})" + "\n");
    EXPECT_NE(done({"config", "list"}).find("q.example.com:7443"), std::string::npos);
    EXPECT_EQ(done({"config", "delete", "prod"}),
              "context prod deleted; none is the current one now\n");
    EXPECT_EQ(done({"config", "list", "-o", "json"}), "[]\n");
}

TEST_F(ContextsTest, AnOptionComesBeforeItsVariableBeforeTheContextBeforeTheDefault) {
    EXPECT_EQ(setting("server"), "127.0.0.1:7443 from default");
    done({"config", "set", "a", "--server", "a:1", "--output", "yaml"});
    done({"config", "set", "b", "--server", "b:1", "--tenant", "acme"});
    done({"config", "use", "a"});
    EXPECT_EQ(setting("server"), "a:1 from context a");
    EXPECT_EQ(setting("server", {}, {{"QUORATE_CONTEXT", "b"}}), "b:1 from context b");
    EXPECT_EQ(setting("server", {"--context", "a"}, {{"QUORATE_CONTEXT", "b"}}),
              "a:1 from context a");
    EXPECT_EQ(setting("server", {}, {{"QUORATE_SERVER", "v:1"}}), "v:1 from QUORATE_SERVER");
    EXPECT_EQ(setting("server", {"--server", "o:1"}, {{"QUORATE_SERVER", "v:1"}}),
              "o:1 from --server");
    EXPECT_EQ(setting("tenant", {"--context", "b"}), "acme from context b");
    EXPECT_EQ(done({"version"}).substr(0, 4), "---\n") << "the context's output";
    EXPECT_EQ(done({"version", "-o", "table"}).substr(0, 8), "quorate ");
}

TEST_F(ContextsTest, ACredentialOfTheCurrentContextGoesToItsOwnServerAlone) {
    const auto token = folder_.file("token", "t");
    done({"config", "set", "a", "--server", "a:1", "--tls", "--token-file", token});
    done({"config", "use", "a"});
    EXPECT_EQ(setting("token_file"), token + " from context a");
    EXPECT_EQ(setting("tls"), "true from context a");
    EXPECT_EQ(setting("token_file", {"--server", "o:1"}), " from default");
    EXPECT_EQ(setting("tls", {"--server", "o:1"}), " from default");
    EXPECT_EQ(setting("token_file", {"--server", "o:1", "--context", "a"}),
              token + " from context a");
}

TEST_F(ContextsTest, WhoConnectsUsesTheContext) {
    done({"config", "set", "a", "--server", "127.0.0.1:1"});
    const auto result = run({"get", "--context", "a"});
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("no coordinator answers at 127.0.0.1:1"), std::string::npos)
        << result.err;
}

TEST_F(ContextsTest, AServerWhoseNameDoesNotExistIsNoCoordinatorThatAnswers) {
    const auto result = run({"get", "--tls", "--server", "nowhere.invalid:7443"});
    EXPECT_EQ(result.status, 1);
    EXPECT_NE(result.err.find("no coordinator answers at nowhere.invalid:7443"), std::string::npos)
        << result.err;
}

TEST_F(ContextsTest, ABrokenFileStopsWhoConnectsAndNamesTheLine) {
    folder_.file("config.yaml", "contexts:\n  a:\n    srever: x\n");
    for (const Words& words : {Words{"get"}, Words{"config", "list"}, Words{"config", "show"}}) {
        const auto result = run(words);
        EXPECT_EQ(result.status, 1) << words.front();
        EXPECT_NE(result.err.find("config.yaml:3: contexts.a.srever: unknown key"),
                  std::string::npos)
            << result.err;
    }
    EXPECT_EQ(run({"version"}).status, 0);
    EXPECT_EQ(run({"get", "--help"}).status, 0);
    EXPECT_EQ(run({"completion", "bash"}).status, 0);
}

TEST_F(ContextsTest, WhatIsWrongIsSaidAndNothingIsWritten) {
    const auto missing = run({"get", "--context", "nope"});
    EXPECT_EQ(missing.status, 1);
    EXPECT_EQ(missing.err,
              "quorate: there is no context nope in " + file_ +
                  "; quorate config list shows those there are\n");
    EXPECT_EQ(run({"config", "use", "nope"}).status, 1);
    EXPECT_EQ(run({"config", "show", "coordinator", "--server", "127.0.0.1:1"}).status, 1);
    for (const std::string daemon : {"agent", "archiver"})
        EXPECT_NE(run({"config", "show", daemon})
                      .err.find("quorate-" + daemon + " --config FILE --check-config"),
                  std::string::npos);
    EXPECT_EQ(run({"config", "set", "coordinator", "--server", "h:1"}).status, 2);
    EXPECT_EQ(run({"config", "set", "a b", "--server", "h:1"}).status, 2);
    EXPECT_EQ(run({"config", "set", "a"}).status, 2);
    EXPECT_EQ(run({"config", "set", "a", "--output", "xml"}).status, 2);
    const auto token = run({"config", "set", "a", "--token-file", "qrt_s3cret"});
    EXPECT_EQ(token.status, 2);
    EXPECT_EQ(token.err.find("s3cret"), std::string::npos) << token.err;
    EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST(Contexts, AreInTheConfigFolderOfTheUserUnlessAVariableSaysElse) {
    const Variables unset{{"QUORATE_CONFIG", ""}, {"XDG_CONFIG_HOME", ""}, {"HOME", "/home/o"}};
    EXPECT_EQ(run_cli({"config", "path"}, unset).out, "/home/o/.config/quorate/config.yaml\n");
    auto xdg = unset;
    xdg[1].second = "/xdg";
    EXPECT_EQ(run_cli({"config", "path"}, xdg).out, "/xdg/quorate/config.yaml\n");
}

}  // namespace
}  // namespace quorate

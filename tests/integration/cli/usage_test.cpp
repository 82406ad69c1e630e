// The command line alone: no coordinator runs here.
#include <algorithm>
#include <sstream>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/support/memory_access.hpp"

namespace quorate {
namespace {

using Words = std::vector<std::string>;

Words with(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

std::string joined(const Words& words) {
    std::string text = "quorate";
    for (const auto& word : words)
        text += " " + word;
    return text;
}

/// The verbs that the help of `words` lists.
Words verbs_below(const Words& words) {
    const auto run = run_cli(with(words, {"--help"}));
    EXPECT_EQ(run.status, 0) << joined(words) << ": " << run.err;
    EXPECT_EQ(run.err, "") << joined(words);
    EXPECT_NE(run.out.find("Usage:"), std::string::npos) << run.out;
    Words verbs;
    std::istringstream lines{run.out};
    bool listed = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Subcommands:")) {
            listed = true;
        } else if (listed && line.starts_with("  ") && !line.starts_with("   ")) {
            verbs.push_back(line.substr(2, line.find(' ', 2) - 2));
        }
    }
    return verbs;
}

/// Asks each verb and sub-verb for its help. @return how many there are.
std::size_t ask_all(const Words& words) {
    std::size_t count = 0;
    for (const auto& verb : verbs_below(words))
        count += 1 + ask_all(with(words, {verb}));
    return count;
}

TEST(CommandLine, EveryVerbAndSubverbAnswersHelpWithoutAServer) {
    const auto verbs = verbs_below({});
    for (const std::string verb :
         {"probe",   "apply",  "diff",      "export",      "get",     "describe", "explain",
          "replay",  "watch",  "incidents", "uptime",      "pause",   "resume",   "queues",
          "regions", "agents", "forget",    "maintenance", "silence", "version"})
        EXPECT_NE(std::ranges::find(verbs, verb), verbs.end()) << verb;
    EXPECT_EQ(verbs_below({"incidents"}), (Words{"list", "show", "ack"}));
    for (const auto* windows : {"maintenance", "silence"})
        EXPECT_EQ(verbs_below({windows}), (Words{"create", "list", "end"}));
    EXPECT_GE(ask_all({}), verbs.size() + 6) << "sub-verbs of incidents, regions and agents";
}

/// One line on stderr that holds `word`, nothing on stdout, exit status 2.
void expect_usage_error(const Words& words, const std::string& word) {
    const auto run = run_cli(words);
    EXPECT_EQ(run.status, 2) << joined(words) << ": " << run.out << run.err;
    EXPECT_EQ(run.out, "") << joined(words);
    EXPECT_NE(run.err.find(word), std::string::npos) << joined(words) << ": " << run.err;
}

TEST(CommandLine, WrongUsageIsStatusTwoAndNamesTheWord) {
    expect_usage_error({"bogus"}, "bogus");
    expect_usage_error({"bogus", "--help"}, "bogus");
    expect_usage_error({"--bogus"}, "--bogus");
    expect_usage_error({"-o", "json", "bogus"}, "bogus");
    expect_usage_error({"get", "--bogus"}, "--bogus");
    expect_usage_error({"get", "a", "b"}, "b");
    expect_usage_error({"incidents", "bogus"}, "bogus");
    expect_usage_error({"incidents", "show", "x"}, "x");
    expect_usage_error({"incidents", "--limit", "0"}, "limit");
    expect_usage_error({"regions", "bogus"}, "bogus");
    expect_usage_error({"get", "-o", "xml"}, "xml");
    expect_usage_error({"explain", "a", "--minute", "noon"}, "noon");
    expect_usage_error({"explain"}, "ENDPOINT");
    expect_usage_error({"apply"}, "--file");
    expect_usage_error({"maintenance", "create", "--for", "1h"}, "--endpoint");
    expect_usage_error({"silence", "create", "--endpoint", "a", "--every", "0"}, "every");
    expect_usage_error({"silence", "end"}, "ID");
    expect_usage_error({}, "--help");
}

TEST(CommandLine, WithoutACoordinatorEveryVerbFailsWithOneLineThatNamesTheAddress) {
    const std::string nobody = "127.0.0.1:1";
    TestFolder folder;
    const auto file = folder.file("e.yaml", "endpoints: []\n");
    for (const Words& words : {Words{"get"},
                               Words{"explain", "a"},
                               Words{"watch"},
                               Words{"incidents"},
                               Words{"incidents", "show", "1"},
                               Words{"regions"},
                               Words{"agents"},
                               Words{"apply", "-f", file}}) {
        const auto run = run_cli(with(words, {"--server", nobody}));
        EXPECT_EQ(run.status, 1) << joined(words);
        EXPECT_EQ(run.out, "") << joined(words);
        EXPECT_NE(run.err.find("no coordinator answers at " + nobody), std::string::npos)
            << joined(words) << ": " << run.err;
        EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    }
}

TEST(CommandLine, AValueOrKeyThatIsTooLongOrUnreadableIsOneLineThatNamesTheFile) {
    TestFolder folder;
    const auto full = folder.file("full", std::string(65'536, 'x'));
    const auto over = folder.file("over", std::string(65'537, 'x'));
    for (const Words& words : {Words{"secret", "set", "a", "--from-file"},
                               Words{"regions", "add", "r", "--public-key"}}) {
        const auto said = [&words](const std::string& file) {
            const auto run = run_cli(with(words, {file, "--server", "127.0.0.1:1"}));
            EXPECT_EQ(run.status, 1) << joined(words);
            EXPECT_EQ(run.out, "") << joined(words);
            return run.err;
        };
        EXPECT_NE(said(full).find("no coordinator answers"), std::string::npos) << joined(words);
        EXPECT_EQ(said(over), "quorate: " + over + " has more than 65536 bytes\n");
        EXPECT_EQ(said("/dev/zero"), "quorate: /dev/zero has more than 65536 bytes\n");
        EXPECT_EQ(said("/tmp"), "quorate: /tmp can't be read: Is a directory\n");
        EXPECT_EQ(said("/nowhere"), "quorate: /nowhere can't be read: No such file or directory\n");
    }
}

TEST(CommandLine, WhoSetsASecretLetsNobodyLookIntoIt) {
    give_up_privileged_reading();
    TestFolder folder;
    const auto pipe = folder.path("value");
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const auto look = [&pipe](const Words& words) {
        bool may = false;
        const auto run = run_cli(words, {}, [&](int process) {
            const int end = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);  // once it reads
            may = may_look_into(process);
            ::close(end);
        });
        EXPECT_EQ(run.status, 1) << run.err;
        return may;
    };
    EXPECT_FALSE(look({"secret", "set", "a", "--from-file", pipe, "--server", "127.0.0.1:1"}));
    EXPECT_TRUE(look({"regions", "add", "r", "--public-key", pipe, "--server", "127.0.0.1:1"}))
        << "there is no secret";
}

TEST(CommandLine, WithoutOptionsTheCoordinatorIsWhereDevUpStartsIt) {
    EXPECT_NE(run_cli({"--help"}).out.find("127.0.0.1:7443"), std::string::npos);
}

TEST(CommandLine, OutputThatCannotBeWrittenIsAFailure) {
    for (const auto& words : {Words{"version"}, Words{"--help"}}) {
        const auto run = run_cli_into("/dev/full", words);
        EXPECT_EQ(run.status, 1) << joined(words);
        EXPECT_EQ(run.err, "quorate: not all of the output could be written\n") << joined(words);
    }
}

}  // namespace
}  // namespace quorate

// The completion scripts in the shells themselves.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/integration/cli/cli_run.hpp"

namespace quorate {
namespace {

using Words = std::vector<std::string>;
using WordSet = std::set<std::string>;

bool is_installed(const std::string& shell) {
    return std::system(("command -v " + shell + " >/dev/null 2>&1").c_str()) == 0;
}

/// The words that a command of a shell prints, one a line; only what stands before a tab.
WordSet words_of(const std::string& command) {
    auto* pipe = ::popen(command.c_str(), "r");
    std::string text;
    std::array<char, 4096> buffer;
    while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe))
        text.append(buffer.data(), count);
    EXPECT_EQ(::pclose(pipe), 0) << command << ": " << text;
    WordSet words;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        if (!line.empty()) words.insert(line.substr(0, line.find('\t')));
    return words;
}

/// A shell with the script in a file, in a folder that holds `one.yaml`.
class CompletionIn {
public:
    explicit CompletionIn(const std::string& shell) : shell_{shell} {
        const auto run = run_cli({"completion", shell});
        EXPECT_EQ(run.status, 0) << run.err;
        folder_.file("script", run.out);
        folder_.file("one.yaml", "");
    }

    /// What the shell offers behind `line`, whose last word is the one that the cursor is at.
    WordSet offered(const std::string& line) const {
        if (shell_ == "bash") return run(bash(line));
        if (shell_ == "zsh") return run(zsh(line));
        return run("source ./script\ncomplete -C '" + line + "'\n");
    }

private:
    WordSet run(const std::string& program) const {
        const auto file = folder_.file("program", program);
        const auto flags = shell_ == "fish" ? " --no-config " : shell_ == "zsh" ? " -f " : " ";
        return words_of("cd " + folder_.path("") + " && " + shell_ + flags + file + " 2>&1");
    }

    /// Bash splits at `=` too before it asks.
    static std::string bash(const std::string& line) {
        std::string words;
        std::string word;
        std::size_t count = 1;
        for (const char c : line) {
            if (c != ' ' && c != '=') {
                word += c;
                continue;
            }
            words += "'" + word + "' ";
            word.clear();
            ++count;
            if (c == '=') words += "'=' ", ++count;
        }
        return "source ./script\nCOMP_WORDS=(" + words + "'" + word +
               "')\nCOMP_CWORD=" + std::to_string(count - 1) +
               "\n_quorate\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    }

    /// The function as the completion system calls it, with the system's own printing what it is
    /// given.
    static std::string zsh(const std::string& line) {
        const auto last = line.substr(line.rfind(' ') + 1);
        return "compdef() { }\n"
               "_message() { }\n"
               "_files() { print -l -- $PREFIX*(N) }\n"
               "compset() { PREFIX=${PREFIX#*=} }\n"
               "compadd() { shift; print -l -- ${(M)@:#$PREFIX*} }\n"
               "_describe() { local all=(\"${(@P)@[-1]}\"); print -l -- "
               "${(M)${(@)all%%:*}:#$PREFIX*} }\n"
               "source ./script\n"
               "words=(\"${(@s: :)${:-" +
               line + "}}\")\nCURRENT=${#words}\nPREFIX='" + last + "'\n_quorate\n";
    }

    std::string shell_;
    TestFolder folder_;
};

class Completes : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        if (!is_installed(GetParam())) GTEST_SKIP() << GetParam() << " is not installed";
    }
};

TEST_P(Completes, VerbsOptionsValuesAndFiles) {
    const CompletionIn shell{GetParam()};
    EXPECT_EQ(shell.offered("quorate inc"), (WordSet{"incidents"}));
    EXPECT_EQ(shell.offered("quorate incidents "), (WordSet{"list", "show", "ack"}));
    EXPECT_EQ(shell.offered("quorate incidents list --lim"), (WordSet{"--limit"}));
    EXPECT_EQ(shell.offered("quorate get --wa"), (WordSet{"--watch"}));
    EXPECT_EQ(shell.offered("quorate get --token-f"), (WordSet{"--token-file"}))
        << "options of all verbs stand behind each";
    EXPECT_EQ(shell.offered("quorate get -o "), (WordSet{"table", "json", "yaml"}));
    EXPECT_EQ(shell.offered("quorate get --output js"), (WordSet{"json"}));
    EXPECT_EQ(shell.offered("quorate probe --era m"), (WordSet{"modern"}));
    EXPECT_EQ(shell.offered("quorate apply -f on"), (WordSet{"one.yaml"}));
    EXPECT_EQ(shell.offered("quorate apply --file on"), (WordSet{"one.yaml"}));
    EXPECT_EQ(shell.offered("quorate --token-file on"), (WordSet{"one.yaml"}));
    EXPECT_EQ(shell.offered("quorate -o json con"), (WordSet{"config"}))
        << "the value of an option is no verb";
    EXPECT_EQ(shell.offered("quorate --server get comp"), (WordSet{"completion"}));
    EXPECT_EQ(shell.offered("quorate config s"), (WordSet{"set", "show"}));
    EXPECT_EQ(shell.offered("quorate explain s"), WordSet{}) << "nobody knows the endpoints";
}

TEST_P(Completes, TheValueBehindAnEqualsSign) {
    const CompletionIn shell{GetParam()};
    const auto offered = shell.offered("quorate get --output=js");
    EXPECT_TRUE(offered.contains("json") || offered.contains("--output=json"));
}

INSTANTIATE_TEST_SUITE_P(In,
                         Completes,
                         ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return std::string{shell.param}; });

/// The first words of the lines of a part of a help text: options with commas between, verbs.
void collect_names(const Words& words, std::set<std::pair<std::string, std::string>>& names) {
    auto asked = words;
    asked.emplace_back("--help");
    const auto run = run_cli(asked);
    ASSERT_EQ(run.status, 0) << run.err;
    std::string path = "quorate";
    for (const auto& word : words)
        path += " " + word;
    std::istringstream lines{run.out};
    std::string part;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("  ")) part = line;
        if (!line.starts_with("  ") || line.starts_with("   ")) continue;
        auto name = line.substr(2, line.find(' ', 2) - 2);
        if (part == "Subcommands:") {
            names.emplace(path, name);
            auto below = words;
            below.push_back(name);
            collect_names(below, names);
        } else if (part == "Options:") {
            std::ranges::replace(name, ',', ' ');
            std::istringstream several{name};
            for (std::string one; several >> one;)
                names.emplace(path, one.substr(0, one.find('{')));
        }
    }
}

TEST(Completion, EveryVerbAndOptionOfEachHelpIsInEachScript) {
    std::set<std::pair<std::string, std::string>> names;
    collect_names({}, names);
    EXPECT_GT(names.size(), 100U);
    const auto bash = run_cli({"completion", "bash"}).out;
    const auto zsh = run_cli({"completion", "zsh"}).out;
    const auto fish = run_cli({"completion", "fish"}).out;
    for (const auto& [path, name] : names) {
        const auto quoted = "'" + path + " " + name + "'";
        for (const auto* script : {&bash, &zsh, &fish})
            EXPECT_NE(script->find(quoted), std::string::npos) << quoted;
    }
}

TEST(Completion, NeedsAShellAndGivesItsScriptAsDataToo) {
    EXPECT_EQ(run_cli({"completion"}).status, 2);
    EXPECT_EQ(run_cli({"completion", "csh"}).status, 2);
    EXPECT_EQ(run_cli({"completion", "fish"}).out.find("-d ''"), std::string::npos)
        << "every verb and option says what it is for";
    const auto json = run_cli({"completion", "bash", "-o", "json"});
    EXPECT_EQ(json.status, 0);
    EXPECT_TRUE(json.out.starts_with(R"({"shell": "bash", "script": "# Completes quorate in bash)"))
        << json.out.substr(0, 100);
}

}  // namespace
}  // namespace quorate

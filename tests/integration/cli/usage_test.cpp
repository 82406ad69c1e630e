// The command line alone: no coordinator runs here.
#include <algorithm>
#include <array>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
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
    for (const std::string& key : {std::string{"é"},
                                   std::string{"a\nb"},
                                   std::string{"a b"},
                                   std::string{""},
                                   std::string(65, 'k')})
        expect_usage_error({"pause", "a", "--idempotency-key", key}, "--idempotency-key");
    expect_usage_error({"get", "--server", ""}, "--server");
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

TEST(CommandLine, AFileOfTlsThatIsOfNoUseIsNamedInOneLine) {
    TestFolder folder;
    const auto no_pem = folder.file("words", "no PEM\n");
    const auto half = folder.file("half", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    for (const auto& [words, says] : std::vector<std::pair<Words, std::string>>{
             {{"--tls-ca", no_pem}, "--tls-ca: " + no_pem},
             {{"--tls-ca", "/tmp"}, "/tmp can't be read: Is a directory"},
             {{"--tls-ca", "/nowhere"}, "/nowhere can't be read"},
             {{"--tls-cert", half, "--tls-key", no_pem}, "--tls-cert, --tls-key: " + half},
             {{"--tls-cert", half}, "--tls-cert and --tls-key go together"},
             {{"--token-file", "/tmp"}, "/tmp can't be read: Is a directory"}}) {
        const auto run = run_cli(with({"get", "--server", "127.0.0.1:1"}, words));
        EXPECT_EQ(run.status, 1) << joined(words);
        EXPECT_EQ(run.out, "") << joined(words);
        EXPECT_NE(run.err.find(says), std::string::npos) << joined(words) << ": " << run.err;
        EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    }
}

TEST(CommandLine, NothingGoesToAnotherMachineInTheClear) {
    TestFolder folder;
    const auto value = folder.file("value", "tok-of-eight-or-more");
    for (const Words& words : {Words{"get"}, Words{"secret", "set", "s", "--from-file", value}})
        for (const std::string server : {"198.51.100.1:7443", "127.evil.example:7443"}) {
            const auto run = run_cli(with(words, {"--server", server}));
            EXPECT_EQ(run.status, 1) << joined(words);
            EXPECT_NE(run.err.find("with TLS alone: --tls or --tls-ca"), std::string::npos)
                << run.err;
        }
}

/// One that says what a server of HTTP/2 says at first, and goes when it is asked something.
class Vanishing {
public:
    Vanishing() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
        ::listen(socket_, 4);
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { serve(); }};
    }
    ~Vanishing() {
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
    }
    Vanishing(const Vanishing&) = delete;
    Vanishing& operator=(const Vanishing&) = delete;
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

private:
    void serve() const {
        for (int peer = ::accept(socket_, nullptr, nullptr); peer >= 0;
             peer = ::accept(socket_, nullptr, nullptr)) {
            constexpr std::array<char, 9> kSettings{0, 0, 0, 4, 0, 0, 0, 0, 0};
            ::send(peer, kSettings.data(), kSettings.size(), MSG_NOSIGNAL);
            std::string got;
            std::array<char, 4096> some{};
            for (ssize_t size = 1; size > 0 && got.find("SetPaused") == got.npos &&
                                   got.find("ListEndpoints") == got.npos;) {
                size = ::recv(peer, some.data(), some.size(), 0);
                got.append(some.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            }
            ::close(peer);
        }
    }
    int socket_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

TEST(CommandLine, AChangeThatNoAnswerComesToMayHaveBeenDone) {
    const Vanishing server;
    const auto said = [&server](const Words& words) {
        const auto run = run_cli(with(words, {"--server", server.address()}));
        EXPECT_EQ(run.status, 1) << run.out;
        EXPECT_NE(run.err.find("the connection with the coordinator at " + server.address()),
                  std::string::npos)
            << run.err;
        return run.err;
    };
    EXPECT_NE(said({"pause", "a"}).find("it may have been done: look (quorate audit has it)"),
              std::string::npos);
    EXPECT_NE(said({"pause", "a", "--idempotency-key", "k"})
                  .find("it may have been done: order it again with the same --idempotency-key"),
              std::string::npos);
    EXPECT_EQ(said({"get"}).find("may have been done"), std::string::npos);
}

TEST(CommandLine, APrivateKeyOfARegionIsNotSent) {
    TestFolder folder;
    const auto key = folder.file(
        "key.pem", "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n");
    const auto run =
        run_cli({"regions", "add", "r", "--public-key", key, "--server", "127.0.0.1:1"});
    EXPECT_EQ(run.status, 1);
    EXPECT_NE(run.err.find(key + " holds a private key"), std::string::npos) << run.err;
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

// What a probe leaves of its credentials in the memory of its process: nothing.
#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>

#include <gtest/gtest.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsReadable = false;  // shadows of terabytes
#else
constexpr bool kMemoryIsReadable = true;
#endif

/// A server in a process of its own, so that what it got is not in ours.
class ServerProcess {
public:
    explicit ServerProcess(const RawServer::Serve& serve) {
        std::array<int, 2> pipe{};
        if (::pipe(pipe.data()) != 0) throw std::runtime_error{"no pipe"};
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const RawServer server{serve};
            const auto port = server.port();
            if (::write(pipe[1], &port, sizeof port) == sizeof port) ::pause();
            ::_exit(1);
        }
        ::close(pipe[1]);
        const auto got = ::read(pipe[0], &port_, sizeof port_);
        ::close(pipe[0]);
        if (got != sizeof port_) throw std::runtime_error{"no server"};
    }
    ServerProcess(const ServerProcess&) = delete;
    ServerProcess& operator=(const ServerProcess&) = delete;
    ~ServerProcess() {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }

private:
    pid_t process_ = -1;
    std::uint16_t port_ = 0;
};

/// A value that only a SecretBytes holds in clear: what it is searched by is another one.
struct Planted {
    static constexpr std::size_t kBytes = 32;
    static constexpr unsigned char kVeil = 0x5A;

    explicit Planted(std::string_view scheme) {
        value = SecretBytes::zeros(scheme.size() + kBytes);
        std::copy(scheme.begin(), scheme.end(), value.data());
        const auto random = random_bytes(kBytes);
        for (std::size_t i = 0; i < kBytes; ++i) {
            const auto c = static_cast<unsigned char>('a' + (random.view()[i] & 15));
            value.data()[scheme.size() + i] = static_cast<char>(c);
            veiled[i] = c ^ kVeil;
        }
    }

    /// How often it stands in what this process may write to.
    std::size_t copies() const {
        std::size_t found = 0;
        std::ifstream maps{"/proc/self/maps"};
        for (std::string line; std::getline(maps, line);) {
            std::uintptr_t begin = 0;
            std::uintptr_t end = 0;
            char dash = 0;
            std::string rights;
            std::istringstream{line} >> std::hex >> begin >> dash >> end >> rights;
            if (rights.starts_with("rw")) found += copies_in(begin, end);
        }
        return found;
    }
    std::size_t copies_in(std::uintptr_t begin, std::uintptr_t end) const {
        std::size_t found = 0;
        const auto* bytes = reinterpret_cast<const volatile unsigned char*>(begin);
        const auto size = end - begin;
        for (std::size_t at = 0; at + kBytes <= size; ++at) {
            std::size_t same = 0;
            while (same < kBytes && (bytes[at + same] ^ kVeil) == veiled[same])
                ++same;
            if (same == kBytes) ++found;
        }
        return found;
    }

    SecretBytes value;
    std::array<unsigned char, kBytes> veiled{};
};

void leaves_nothing(const ServerProcess& server, const std::string& path, EraMode era) {
    if (!kMemoryIsReadable) GTEST_SKIP() << "a sanitizer's build";
    Planted bearer{"Bearer "};
    Planted key{""};
    auto credentials = std::make_shared<SecretHeaders>();
    credentials->push_back({"Authorization", std::move(bearer.value)});
    credentials->push_back({"X-Team-Key", std::move(key.value)});
    EXPECT_EQ(bearer.copies(), 1U) << "the search finds what is there";
    EXPECT_EQ(key.copies(), 1U);
    ProbeHarness harness;
    auto request = request_for(server.url(path));
    request.era = era;
    request.retry = false;
    request.canary = Canary{"echo", "{}", {}, false};
    request.credentials = std::move(credentials);
    const auto report = harness.probe(std::move(request));
    EXPECT_TRUE(report.credential_sent);
    EXPECT_TRUE(report.tools) << report.detail;
    EXPECT_EQ(bearer.copies(), 0U);
    EXPECT_EQ(key.copies(), 0U);
}

TEST(ProbeWipes, EveryCopyThatItMadeOfItsCredentials) {
    McpScript script;
    script.on("tools/list", [](const RawRequest& request) {
        return http(200,
                    "text/event-stream",
                    event(R"({"jsonrpc":"2.0","id":"p","method":"ping"})") +
                        event(result(request.rpc_id, kToolsResult)));
    });
    script.on("POST", [](const RawRequest&) { return http(202, "", ""); });
    const ServerProcess server{std::ref(script)};
    leaves_nothing(server, "/mcp", EraMode::legacy);
}

TEST(ProbeWipes, EveryCopyAlsoOverHttpAndSse) {
    Mailbox says;
    const ServerProcess server{[&says](RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            if (request.method() == "GET") {
                connection.send(kStream + "event: endpoint\ndata: /messages\n\n");
                for (auto text = says.take(); !text.empty(); text = says.take())
                    connection.send(text);
                return;
            }
            connection.send(http(202, "text/plain", "Accepted"));
            if (request.rpc_id == 0) continue;
            const bool lists = request.rpc_method == "tools/list";
            says.put(event(result(request.rpc_id, lists ? kToolsResult : kInitializeResult)));
        }
    }};
    leaves_nothing(server, "/sse", EraMode::sse);
}

}  // namespace
}  // namespace quorate

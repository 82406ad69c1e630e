// Who asks too much of the admin API keeps nobody else from it.
#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pqxx/pqxx>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coordinator/admin/admin_server.hpp"
#include "tests/integration/coordinator/access/guarded.hpp"
#include "tests/integration/coordinator/processes.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Call;
using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;

struct Served {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};

    grpc::Status version() {
        Call call;
        v1::GetVersionResponse response;
        return app.admin().GetVersion(&call.context, {}, &response);
    }
};

/// Connections that say nothing.
class Silent {
public:
    Silent(std::uint16_t port, std::size_t count) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (std::size_t i = 0; i < count; ++i) {
            const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (socket < 0) break;
            sockets_.push_back(socket);
            if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
                break;
        }
    }
    ~Silent() {
        for (const int socket : sockets_)
            ::close(socket);
    }
    Silent(const Silent&) = delete;
    Silent& operator=(const Silent&) = delete;

    std::size_t count() const { return sockets_.size(); }
    /// How many the other side has ended. What it says of its own accord is read and forgotten.
    std::size_t ended() const {
        std::size_t count = 0;
        std::vector<char> said(4096);
        for (const int socket : sockets_) {
            ssize_t size = 1;
            while (size > 0)
                size = ::recv(socket, said.data(), said.size(), MSG_DONTWAIT);
            count += size == 0 || errno == ECONNRESET ? 1 : 0;
        }
        return count;
    }

private:
    std::vector<int> sockets_;
};

TEST(AdminFlood, TenThousandConnectionsThatSayNothingKeepNobodyOutAndAreCutOff) {
    constexpr std::size_t kConnections = 10'000;
    constexpr rlim_t kDescriptors = kConnections + 1000;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < kDescriptors)
        GTEST_SKIP() << "the machine allows " << limit.rlim_max << " descriptors";
    limit.rlim_cur = std::max(limit.rlim_cur, kDescriptors);
    setrlimit(RLIMIT_NOFILE, &limit);
    const Catalogued lab;
    const RedisServer redis;
    const auto port = quorate::testing::free_port();
    const quorate::testing::ConfigFile config{lab, redis.url(), port};
    const quorate::testing::ChildProcess coordinator{
        {quorate::testing::kCoordinatorBinary, "--config", config.path()}};
    const auto answers = [&] {
        const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                 grpc::InsecureChannelCredentials());
        Call call;
        v1::GetVersionResponse response;
        return v1::Admin::NewStub(channel)->GetVersion(&call.context, {}, &response).ok();
    };
    ASSERT_TRUE(comes_to_hold(answers));
    const Silent silent{port, kConnections};
    ASSERT_EQ(silent.count(), kConnections);
    EXPECT_TRUE(answers()) << "somebody who calls";
    EXPECT_TRUE(comes_to_hold([&] { return silent.ended() == kConnections; })) << silent.ended();
    EXPECT_TRUE(answers());
}

TEST(AdminFlood, OneCredentialTakesNotAllPlacesOfCalls) {
    const quorate::testing::Guarded guarded;
    const auto channel = grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(guarded.app.admin_port()),
        grpc::SslCredentials({TestFolder::contents(guarded.authority.ca_file()), {}, {}}));
    const auto admin = v1::Admin::NewStub(channel);
    const auto eyes = guarded.token({"eyes"});
    const auto other = guarded.token({"other"});
    const auto version = [&](const std::string& token) {
        Call call;
        call.context.AddMetadata("authorization", "Bearer " + token);
        v1::GetVersionResponse response;
        return admin->GetVersion(&call.context, {}, &response);
    };
    pqxx::connection connection{guarded.lab.conninfo};
    auto holder = std::make_unique<pqxx::work>(connection);
    holder->exec("LOCK TABLE quorate.incident");
    std::vector<std::thread> waiting;
    for (std::size_t i = 0; i < AdminService::kCallsOfOneMax; ++i)
        waiting.emplace_back([&] {
            Call call;
            call.context.AddMetadata("authorization", "Bearer " + eyes);
            v1::ListIncidentsResponse response;
            admin->ListIncidents(&call.context, {}, &response);
        });
    grpc::Status refused;
    EXPECT_TRUE(comes_to_hold([&] { return !(refused = version(eyes)).ok(); }));
    EXPECT_EQ(refused.error_code(), grpc::RESOURCE_EXHAUSTED);
    EXPECT_EQ(refused.error_message(), "eyes has 32 calls under way already: wait for one to end");
    EXPECT_TRUE(version(other).ok()) << "somebody else";
    holder.reset();
    for (auto& call : waiting)
        call.join();
    EXPECT_TRUE(version(eyes).ok());
}

TEST(AdminFlood, TheBoundsAreThoseThatTheDocumentsTell) {
    auto page = TestFolder::contents(QUORATE_SOURCE_DIR "/docs/security.md");
    std::ranges::replace(page, '\n', ' ');
    for (const auto& words :
         {std::to_string(Calls::kCallsMax) + " calls run at the same time",
          std::to_string(AdminService::kCallsOfOneMax) + " with one credential",
          std::to_string(AdminService::kWatchersMax) + " watchers",
          std::to_string(AdminService::kWatchersOfOneMax) + " of these with one credential",
          std::to_string(AdminServer::kRequestBytesMax >> 20) + " MiB at most",
          std::to_string(AdminServer::kStreamsMax) + " streams at most"})
        EXPECT_NE(page.find(words), page.npos) << words;
}

TEST(AdminFlood, AMessageThatIsTooLongIsRefusedAndTheNextIsNot) {
    Served served;
    v1::ApplyRequest request;
    auto& file = *request.add_files();
    file.set_name("large.yaml");
    file.set_content(std::string(static_cast<std::size_t>(AdminServer::kRequestBytesMax), '#'));
    Call call;
    v1::ApplyResponse response;
    const auto status = served.app.admin().Apply(&call.context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
    EXPECT_TRUE(served.version().ok());
}

}  // namespace
}  // namespace quorate::coordinator

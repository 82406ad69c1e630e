// Watches with many clients at a time, each over a connection of its own, until stdin ends; then
// says how many decisions each of them got.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/create_channel.h>

#include <CLI/CLI.hpp>

#include "quorate/v1/admin.grpc.pb.h"

namespace quorate::bench {
namespace {

class Watcher {
public:
    Watcher(const std::string& server, std::atomic<int>& begun) : begun_{begun} {
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or all share one connection
        admin_ = v1::Admin::NewStub(
            grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
        thread_ = std::thread{[this] { read(); }};
    }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher() { stop(); }

    /// @return how many decisions came. Throws std::runtime_error where it was ended before.
    long end() {
        stop();
        if (status_.error_code() != grpc::CANCELLED)
            throw std::runtime_error{"a watcher was ended: " + status_.error_message()};
        return decisions_;
    }

private:
    void stop() {
        context_.TryCancel();
        if (thread_.joinable()) thread_.join();
    }
    void read() {
        const auto watch = admin_->Watch(&context_, {});
        v1::WatchEvent event;
        bool first = true;
        while (watch->Read(&event)) {
            decisions_ += event.decisions_size();
            if (first) ++begun_;
            first = false;
        }
        status_ = watch->Finish();
    }

    std::atomic<int>& begun_;
    std::unique_ptr<v1::Admin::Stub> admin_;
    grpc::ClientContext context_;
    grpc::Status status_;
    long decisions_ = 0;
    std::thread thread_;
};

void run(const std::string& server, int clients) {
    std::atomic<int> begun{0};
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (int i = 0; i < clients; ++i)
        watchers.push_back(std::make_unique<Watcher>(server, begun));
    while (begun < clients)
        std::this_thread::yield();
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    long fewest = watchers.front()->end();
    for (auto& watcher : watchers)
        fewest = std::min(fewest, watcher->end());
    std::printf("{\"decisions\": %ld}\n", fewest);
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    std::string server;
    int clients = 100;
    CLI::App app{"Watches with many clients until stdin ends"};
    app.add_option("--server", server, "address of a coordinator without TLS")->required();
    app.add_option("--clients", clients, "how many");
    CLI11_PARSE(app, argc, argv);
    quorate::bench::run(server, clients);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_distribution_watchers: %s\n", error.what());
    return 1;
}

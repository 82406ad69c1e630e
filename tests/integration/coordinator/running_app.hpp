#pragma once

#include <exception>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include <poll.h>

#include "coordinator/app.hpp"
#include "tests/integration/coordinator/lab.hpp"
#include "tests/support/redis_server.hpp"

#include "quorate/v1/admin.grpc.pb.h"

namespace quorate::testing {

coordinator::Config config_for(const Catalogued& lab, const std::string& redis_url);

/// A coordinator on a thread of its own, and a channel to it.
class RunningApp {
public:
    explicit RunningApp(const coordinator::Config& config);
    ~RunningApp() { stop(); }

    /// As SIGTERM does.
    void stop();
    /// As SIGHUP does.
    void reload(const std::string& file);
    /// What it ended with, once it has ended by itself.
    std::exception_ptr wait() {
        thread_.join();
        return failure_;
    }

    v1::Admin::Stub& admin() { return *admin_; }
    std::uint16_t admin_port() const { return app_->admin_port(); }
    std::uint16_t health_port() const { return app_->health_port(); }

private:
    asio::io_context io_{1};
    asio::cancellation_signal stop_;
    std::unique_ptr<coordinator::App> app_;
    std::exception_ptr failure_;
    std::thread thread_;
    std::shared_ptr<grpc::Channel> channel_;
    std::unique_ptr<v1::Admin::Stub> admin_;
};

/// Asks again until `holds`, at most 30 s, and not at once: where each question is a connection, a
/// loop without rest uses up the machine's ports within seconds, for the tests beside it too.
/// @return whether it came to hold.
template <class Holds>
bool comes_to_hold(Holds holds) {
    const auto give_up = SystemClock{}.steady_now() + std::chrono::seconds{30};
    while (SystemClock{}.steady_now() < give_up) {
        if (holds()) return true;
        ::poll(nullptr, 0, 5);
    }
    return false;
}

/// A call's context with a deadline, so that no test hangs.
struct Call {
    Call() { context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds{30}); }
    grpc::ClientContext context;
};

}  // namespace quorate::testing

#include "tests/integration/coordinator/running_app.hpp"

#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <grpcpp/create_channel.h>

namespace quorate::testing {

coordinator::Config config_for(const Catalogued& lab, const std::string& redis_url) {
    coordinator::Config config;
    config.window = lab.deployment.window.length();
    config.shards = lab.deployment.shards;
    config.regions = {"us-east", "eu-west", "ap-south"};
    config.postgres_conninfo = lab.conninfo;
    config.redis.url = redis_url;
    config.grpc_port = 0;
    config.grpc_rate = 0;  // tests ask again and again until something holds
    config.health_port = 0;
    config.log_level = "error";
    return config;
}

RunningApp::RunningApp(const coordinator::Config& config)
    : app_{std::make_unique<coordinator::App>(io_.get_executor(), config, "1.2.3")} {
    auto ended = [this](std::exception_ptr thrown) { failure_ = std::move(thrown); };
    asio::co_spawn(io_, app_->run(), asio::bind_cancellation_slot(stop_.slot(), std::move(ended)));
    thread_ = std::thread{[this] { io_.run(); }};
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(app_->admin_port()),
                                   grpc::InsecureChannelCredentials());
    admin_ = v1::Admin::NewStub(channel_);
}

void RunningApp::stop() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { stop_.emit(asio::cancellation_type::terminal); });
    thread_.join();
}

void RunningApp::reload(const std::string& file) {
    asio::post(io_, [this, file] { app_->reload(file); });
}

}  // namespace quorate::testing

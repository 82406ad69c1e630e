#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <pqxx/pqxx>

#include "tests/integration/coordinator/running_app.hpp"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace quorate::coordinator {
namespace {

using quorate::testing::Call;
using quorate::testing::Catalogued;
using quorate::testing::comes_to_hold;
using quorate::testing::config_for;
using quorate::testing::RedisServer;
using quorate::testing::RunningApp;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr const char* kTwo =
    "endpoints:\n"
    "  - {name: a, url: 'http://h/a'}\n"
    "  - {name: b, url: 'http://h/b', tenant: acme, regions: [eu-west]}\n";

v1::ApplyResponse apply_yaml(RunningApp& app, const std::string& yaml) {
    v1::ApplyRequest request;
    request.add_files()->set_name("e.yaml");
    request.mutable_files(0)->set_content(yaml);
    v1::ApplyResponse response;
    Call call;
    const auto status = app.admin().Apply(&call.context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
}

/// Status of a call, by name of the method.
template <class Method, class Request, class Response>
grpc::Status ask(RunningApp& app, Method method, const Request& request, Response& response) {
    Call call;
    return (app.admin().*method)(&call.context, request, &response);
}

bool regions_are_listed(RunningApp& app) {
    v1::ListRegionsResponse regions;
    return ask(app, &v1::Admin::Stub::ListRegions, v1::ListRegionsRequest{}, regions).ok() &&
           regions.regions_size() == 3;
}

TEST(Admin, AppliesFilesAndNamesEveryError) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    const auto created = apply_yaml(app, kTwo);
    EXPECT_EQ(created.created_size(), 2);
    EXPECT_EQ(created.created(0), "acme/b");
    EXPECT_TRUE(created.has_in_force_from_us());
    const auto refused = apply_yaml(app, "endpoints:\n  - {name: A, url: x}\n\xff");
    ASSERT_EQ(refused.errors_size(), 1);
    EXPECT_EQ(refused.errors(0).message(), "is not UTF-8 text");
    const auto errors = apply_yaml(app, "endpoints:\n  - {name: A, url: x}\n").errors();
    ASSERT_EQ(errors.size(), 2);
    EXPECT_EQ(errors[1].file(), "e.yaml");
    EXPECT_EQ(errors[1].line(), 2U);
    EXPECT_EQ(errors[1].key(), "endpoints[0].url");
    EXPECT_EQ(apply_yaml(app, kTwo).unchanged_size(), 2);
}

TEST(Admin, AnApplyWarnsOfAnOriginThatHasMoreEndpointsThanItMayBeAskedFor) {
    Catalogued lab;
    RedisServer redis;
    auto config = config_for(lab, redis.url());
    config.politeness.origin = 0.04;
    RunningApp app{config};
    const std::string one = "endpoints:\n  - {name: a, url: 'http://h/a', regions: [us-east]}\n";
    EXPECT_EQ(apply_yaml(app, one).warnings_size(), 0);
    const auto more = apply_yaml(app, "endpoints:\n  - {name: b, url: 'http://h/b'}\n");
    ASSERT_EQ(more.warnings_size(), 1);
    EXPECT_EQ(more.warnings(0).find("the 2 endpoints of http://h:80 ask for 0.1 probes"), 0U)
        << more.warnings(0);
}

TEST(Admin, TakesFilesOfManyMegabytes) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    std::string yaml = "endpoints:\n";
    for (int i = 0; i < 20'000; ++i)
        yaml += "  - {name: e" + std::to_string(i) + ", url: 'http://h/" + std::string(300, 'x') +
                "'}\n";
    ASSERT_GT(yaml.size(), 6U << 20U);
    EXPECT_EQ(apply_yaml(app, yaml).created_size(), 20'000);
}

TEST(Admin, ListsRegionsAndAgents) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    ASSERT_TRUE(comes_to_hold([&] { return regions_are_listed(app); }));
    v1::ListRegionsResponse regions;
    ASSERT_TRUE(ask(app, &v1::Admin::Stub::ListRegions, v1::ListRegionsRequest{}, regions).ok());
    EXPECT_EQ(regions.regions(0).name(), "ap-south");
    EXPECT_EQ(regions.regions(0).state(), "active");
    lab.sql("UPDATE quorate.region SET state = 'drained' WHERE name = 'eu-west'");
    EXPECT_TRUE(comes_to_hold([&] {
        regions.Clear();
        return ask(app, &v1::Admin::Stub::ListRegions, v1::ListRegionsRequest{}, regions).ok() &&
               regions.regions(1).state() == "drained";
    })) << regions.ShortDebugString();
    v1::ListAgentsResponse agents;
    v1::ListAgentsRequest request;
    EXPECT_TRUE(ask(app, &v1::Admin::Stub::ListAgents, request, agents).ok());
    EXPECT_EQ(agents.agents_size(), 0);
    request.set_region("mars");
    const auto status = ask(app, &v1::Admin::Stub::ListAgents, request, agents);
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    EXPECT_EQ(status.error_message(), "there is no region mars");
}

TEST(Admin, SaysItsVersion) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    v1::GetVersionResponse version;
    EXPECT_TRUE(ask(app, &v1::Admin::Stub::GetVersion, v1::GetVersionRequest{}, version).ok());
    EXPECT_EQ(version.version(), "1.2.3");
}

TEST(Admin, WhatIsWrongWithARequestComesWithItsFieldAsTheStandardDetailsHaveIt) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    v1::ListEndpointsRequest request;
    request.set_page_token("no such token");
    v1::ListEndpointsResponse response;
    const auto refused = ask(app, &v1::Admin::Stub::ListEndpoints, request, response);
    EXPECT_EQ(refused.error_code(), grpc::INVALID_ARGUMENT);
    google::rpc::Status status;
    EXPECT_TRUE(status.ParseFromString(refused.error_details()));
    EXPECT_EQ(status.code(), grpc::INVALID_ARGUMENT);
    EXPECT_EQ(status.message(), refused.error_message());
    ASSERT_EQ(status.details_size(), 1);
    google::rpc::BadRequest details;
    EXPECT_TRUE(status.details(0).UnpackTo(&details));
    ASSERT_EQ(details.field_violations_size(), 1);
    EXPECT_EQ(details.field_violations(0).field(), "page_token");
    EXPECT_EQ(details.field_violations(0).description(), "page_token is none of ours");
}

TEST(Admin, ATimeThatNoCalendarHasIsABadRequest) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    apply_yaml(app, kTwo);
    for (const std::int64_t us :
         {std::int64_t{-1}, INT64_MAX, std::int64_t{253'402'300'800'000'000}}) {
        v1::ExplainRequest request;
        request.set_endpoint("a");
        request.set_minute_us(us);
        v1::ExplainResponse response;
        const auto refused = ask(app, &v1::Admin::Stub::Explain, request, response);
        EXPECT_EQ(refused.error_code(), grpc::INVALID_ARGUMENT) << us;
        google::rpc::Status status;
        google::rpc::BadRequest details;
        EXPECT_TRUE(status.ParseFromString(refused.error_details()));
        ASSERT_EQ(status.details_size(), 1);
        EXPECT_TRUE(status.details(0).UnpackTo(&details));
        EXPECT_EQ(details.field_violations(0).field(), "minute_us");
        v1::CreateMaintenanceRequest planned;
        planned.mutable_window()->set_starts_at_us(us);
        v1::CreateMaintenanceResponse made;
        EXPECT_THAT(ask(app, &v1::Admin::Stub::CreateMaintenance, planned, made).error_message(),
                    HasSubstr("before 1970 or after the year 9999"));
    }
}

TEST(Admin, WhatPostgresTakesTooLongForIsNoFaultOfOurs) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    pqxx::connection other{lab.conninfo};
    pqxx::work holder{other};
    holder.exec("LOCK TABLE quorate.incident");
    v1::ListIncidentsResponse response;
    const auto status =
        ask(app, &v1::Admin::Stub::ListIncidents, v1::ListIncidentsRequest{}, response);
    EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr("Postgres takes too long to answer this"));
}

/// Asks a service of which only the bytes are known, and ends. @return the answer; empty: none
std::string ask_generic(RunningApp& app, const std::string& method, std::string request) {
    const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(app.admin_port()),
                                             grpc::InsecureChannelCredentials());
    grpc::GenericStub stub{channel};
    Call call;
    grpc::CompletionQueue queue;
    const auto done = [&queue] {
        void* tag = nullptr;
        bool good = false;
        return queue.Next(&tag, &good) && good;
    };
    const auto stream = stub.PrepareCall(&call.context, method, &queue);
    stream->StartCall(nullptr);
    if (!done()) return {};
    grpc::Slice slice{request};
    grpc::ByteBuffer bytes{&slice, 1};
    stream->WriteLast(bytes, {}, nullptr);
    if (!done()) return {};
    grpc::ByteBuffer answer;
    stream->Read(&answer, nullptr);
    std::string text;
    if (done()) {
        std::vector<grpc::Slice> slices;
        answer.Dump(&slices);
        for (const auto& part : slices)
            text.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
    grpc::Status status;
    stream->Finish(&status, nullptr);
    done();
    return text;
}

TEST(Admin, TheHealthServiceSaysWhetherItIsReadyAndReflectionWhatItServes) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    // HealthCheckResponse: field 1, SERVING (1) or NOT_SERVING (2).
    const auto health_is = [&app](char status) {
        return comes_to_hold([&app, status] {
            return ask_generic(app, "/grpc.health.v1.Health/Check", "") ==
                   std::string{"\x08"} + status;
        });
    };
    EXPECT_TRUE(health_is(1));
    redis.stop();
    EXPECT_TRUE(health_is(2));
    redis.start();
    EXPECT_TRUE(health_is(1));
    // ServerReflectionRequest: field 7, list_services.
    EXPECT_THAT(ask_generic(app,
                            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                            std::string{"\x3a\x01*"}),
                HasSubstr("quorate.v1.Admin"));
}

TEST(Admin, WithoutPostgresACallIsUnavailableAndComesBackWithIt) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    apply_yaml(app, kTwo);
    quorate::testing::cluster().stop();
    v1::ApplyRequest request;
    v1::ApplyResponse response;
    const auto status = ask(app, &v1::Admin::Stub::Apply, request, response);
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
    EXPECT_EQ(status.error_message(), "the coordinator can't reach Postgres");
    quorate::testing::cluster().start();
    EXPECT_TRUE(
        comes_to_hold([&] { return ask(app, &v1::Admin::Stub::Apply, request, response).ok(); }));
    EXPECT_EQ(apply_yaml(app, kTwo).unchanged_size(), 2);
}

TEST(Admin, APortInUseIsOneLineThatNamesIt) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    auto second = config_for(lab, redis.url());
    second.grpc_port = app.admin_port();
    asio::io_context io{1};
    const auto port = std::to_string(second.grpc_port);
    try {
        App refused{io.get_executor(), second, "1.2.3"};
        FAIL() << "two on one port";
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "port " + port + " is in use (admin API, 127.0.0.1:" + port + ")");
    }
}

TEST(Admin, OnlyLoopbackIsServedWithoutTls) {
    const auto problems = [](const std::string& grpc) -> std::string {
        const auto yaml =
            "regions: [a]\npostgres: {conninfo: x}\nredis: {url: 'redis://h:1'}\ngrpc: " + grpc;
        try {
            parse_config(config_schema(), yaml, "c.yaml");
        } catch (const InvalidConfig& error) {
            return error.what();
        }
        return {};
    };
    EXPECT_EQ(problems("{address: 127.0.0.1}"), "");
    EXPECT_EQ(problems("{address: '::1'}"), "");
    EXPECT_EQ(problems("{address: 0.0.0.0, tls: {certificate: c, key: k}}"), "");
    EXPECT_THAT(problems("{address: 0.0.0.0}"),
                HasSubstr("grpc.address: must be a loopback address, or grpc.tls be set"));
    EXPECT_THAT(problems("{address: localhost}"), HasSubstr("grpc.address: must be an IP address"));
    EXPECT_THAT(problems("{tls: {certificate: c}}"), HasSubstr("grpc.tls.key: is missing"));
    EXPECT_THAT(problems("{tls: {key: k, client_ca: a}}"),
                HasSubstr("grpc.tls.certificate: is missing"));
    EXPECT_THAT(problems("{admins: [a]}"), HasSubstr("grpc.admins: names certificates"));
}

TEST(Admin, AnotherWindowThanTheDatabasesEndsTheCoordinator) {
    Catalogued lab;
    RedisServer redis;
    auto config = config_for(lab, redis.url());
    config.window = seconds{5};
    RunningApp app{config};
    EXPECT_THROW(std::rethrow_exception(app.wait()), DeploymentMismatch);
}

TEST(Admin, ARequestMayAskForSomeFieldsOfTheRowsAlone) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    lab.apply("endpoints:\n  - {name: a, url: 'http://h/'}\n  - {name: b, url: 'http://h/'}\n");
    v1::ListEndpointsRequest request;
    request.set_page_size(1);
    request.mutable_read_mask()->add_paths("endpoint");
    request.mutable_read_mask()->add_paths("state");
    Call call;
    v1::ListEndpointsResponse response;
    ASSERT_TRUE(app.admin().ListEndpoints(&call.context, request, &response).ok());
    ASSERT_EQ(response.endpoints_size(), 1);
    v1::EndpointStatus wanted;
    wanted.set_endpoint("a");
    wanted.set_state("NEW");
    EXPECT_EQ(response.endpoints(0).ShortDebugString(), wanted.ShortDebugString());
    EXPECT_NE(response.next_page_token(), "");

    request.mutable_read_mask()->add_paths("colour");
    Call again;
    const auto status = app.admin().ListEndpoints(&again.context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "read_mask: EndpointStatus has no colour");
}

TEST(Admin, ShuttingDownEndsAnOpenWatchWithAReason) {
    Catalogued lab;
    RedisServer redis;
    RunningApp app{config_for(lab, redis.url())};
    Call call;
    const auto watch = app.admin().Watch(&call.context, v1::WatchRequest{});
    v1::WatchEvent event;
    ASSERT_TRUE(watch->Read(&event));
    EXPECT_FALSE(event.resume_token().empty());
    app.stop();
    EXPECT_FALSE(watch->Read(&event));
    const auto status = watch->Finish();
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE);
    EXPECT_EQ(status.error_message(), "the coordinator is shutting down");
}

}  // namespace
}  // namespace quorate::coordinator

// Who is bound to tenants reaches these alone, whatever a request names: every method, by its
// fields, so that one that somebody adds is asked too.
#include <map>
#include <memory>
#include <set>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include "coordinator/access/role.hpp"
#include "tests/integration/coordinator/access/guarded.hpp"

namespace quorate::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using quorate::testing::Call;
using quorate::testing::Guarded;
using ::testing::HasSubstr;
using ::testing::Not;

/// Things of both tenants in every report.
void seed(const Guarded& guarded) {
    guarded.lab.sql(
        "INSERT INTO quorate.incident (endpoint_id, ordinal, tenant, endpoint, severity,"
        " worst_severity, scope, started_at, detected_at, regions, marks)"
        " SELECT id, 1, tenant, name, 1, 1, 1, now(), now(), '{}', '{}' FROM quorate.endpoint"
        " ORDER BY name;"
        "INSERT INTO quorate.notice (endpoint_id, tenant, endpoint, kind, opened_at, changed_at,"
        " detail) SELECT id, tenant, name, 'auth', now(), now(), '' FROM quorate.endpoint;"
        "INSERT INTO quorate.rollup_day"
        " SELECT id, date_trunc('month', now()), 1, 0, 0, 1, 1, 1, 1, 1, '\\x00', '\\x0100'"
        " FROM quorate.endpoint;"
        "INSERT INTO quorate.rollup_month"
        " SELECT id, date_trunc('month', now()), 1, 0, 0, 1, 1, 1, 1, 1, '\\x00', '\\x0100'"
        " FROM quorate.endpoint");
}

/// What a call says of what it is about.
struct Names {
    std::string tenant;
    std::string endpoint;
    std::string by;
};

void fill(Message& request, const Names& names) {
    const auto now = SystemClock{}.utc_now().time_since_epoch().count();
    const std::map<std::string, std::string> texts{{"tenant", names.tenant},
                                                   {"endpoint", names.endpoint},
                                                   {"by", names.by},
                                                   {"note", "seen"},
                                                   {"principal", "dev"},
                                                   {"role", "viewer"}};
    const auto& reflection = *request.GetReflection();
    const auto& type = *request.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
        const auto* field = type.field(i);
        if (const auto text = texts.find(field->name()); text != texts.end())
            // A list of the audit log by principal is not what is meant.
            if (type.name() != "ListAuditRequest" || field->name() == "tenant")
                reflection.SetString(&request, field, text->second);
        if (field->name() == "tenants" && !names.tenant.empty())
            reflection.AddString(&request, field, names.tenant);
        // The incident of `a`; not the caller's own token, which ends nothing else.
        if (field->name() == "id")
            reflection.SetUInt64(&request, field, type.name() == "RevokeTokenRequest" ? 2 : 1);
        if (field->name() == "from_us") reflection.SetInt64(&request, field, now - 3'600'000'000);
        if (field->name() == "to_us") reflection.SetInt64(&request, field, now);
        if (field->name() == "paused") reflection.SetBool(&request, field, true);
    }
}

/// One client that calls methods by their names.
struct Client {
    Client(const Guarded& guarded, std::string token_)
        : token{std::move(token_)},
          channel{grpc::CreateChannel(
              "127.0.0.1:" + std::to_string(guarded.app.admin_port()),
              grpc::SslCredentials(
                  {quorate::TestFolder::contents(guarded.authority.ca_file()), {}, {}}))} {}

    /// @return the status, and the answer as text.
    std::pair<grpc::Status, std::string> call(const google::protobuf::MethodDescriptor& method,
                                              const Message& request) const {
        auto* factory = google::protobuf::MessageFactory::generated_factory();
        const std::unique_ptr<Message> answer{factory->GetPrototype(method.output_type())->New()};
        Call call;
        call.context.AddMetadata("authorization", "Bearer " + token);
        grpc::ByteBuffer sent;
        bool own = false;
        grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(request, &sent, &own);
        grpc::GenericStub stub{channel};
        grpc::CompletionQueue queue;
        const auto reader = stub.PrepareUnaryCall(
            &call.context, "/quorate.v1.Admin/" + method.name(), sent, &queue);
        reader->StartCall();
        grpc::ByteBuffer bytes;
        grpc::Status status;
        reader->Finish(&bytes, &status, nullptr);
        void* tag = nullptr;
        bool ok = false;
        queue.Next(&tag, &ok);
        if (status.ok())
            grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&bytes, answer.get());
        return {status, answer->ShortDebugString()};
    }

    std::string token;
    std::shared_ptr<grpc::Channel> channel;
};

TEST(AdminAccess, EveryMethodConfinesWhoIsBoundWhateverTheRequestNames) {
    const Guarded guarded;
    seed(guarded);
    const Client lead{guarded, guarded.token({"lead", "--role", "admin", "--tenant", "acme"})};
    const auto& service = *v1::GetVersionRequest::descriptor()->file()->FindServiceByName("Admin");
    auto* factory = google::protobuf::MessageFactory::generated_factory();
    std::set<std::string> answered;
    for (const auto& rule : method_rules()) {
        const auto& method = *service.FindMethodByName(std::string{rule.method});
        if (rule.reach != Reach::tenant || method.server_streaming()) continue;
        const auto values = [&method](const char* field, std::vector<std::string> all) {
            if (method.input_type()->FindFieldByName(field) == nullptr) all.resize(1);
            return all;
        };
        const std::vector<std::string> tenants{"", "acme", "default"};
        for (const auto& tenant :
             method.name() == "CreateToken" ? tenants : values("tenant", tenants))
            for (const auto& endpoint : values("endpoint", {"", "a", "b", "default/a", "acme/b"}))
                for (const auto& by : values("by", {"", "day", "month"})) {
                    const std::unique_ptr<Message> request{
                        factory->GetPrototype(method.input_type())->New()};
                    fill(*request, {tenant, endpoint, by});
                    const auto [status, answer] = lead.call(method, *request);
                    EXPECT_NE(status.error_code(), grpc::INTERNAL) << method.name();
                    EXPECT_THAT(answer, Not(HasSubstr("default")))
                        << method.name() << ' ' << request->ShortDebugString();
                    EXPECT_THAT(answer, Not(HasSubstr("http://h/a"))) << method.name();
                    if (status.ok()) answered.insert(method.name());
                }
    }
    // Those that have nothing to answer with here: no minute is sealed, acme's endpoint is watched
    // still, the incident is the other tenant's.
    EXPECT_THAT(answered,
                ::testing::IsSupersetOf({"ExportEndpoints",
                                         "ListEndpoints",
                                         "ListIncidents",
                                         "Replay",
                                         "ListUptime",
                                         "DescribeEndpoint",
                                         "SetPaused",
                                         "CreateToken",
                                         "ListTokens",
                                         "ListAudit"}));
    EXPECT_EQ(guarded.lab.sql("SELECT count(*) FROM quorate.incident_ack"), "0");
    EXPECT_EQ(guarded.audited("target", "method = 'SetPaused' AND outcome = 'done'"), "acme/b");
    EXPECT_EQ(guarded.lab.sql("SELECT DISTINCT tenants FROM quorate.credential"), "{acme}");
}

TEST(AdminAccess, AnEndpointOfAnotherTenantThanTheOneNamedIsRefusedAtOnce) {
    const Guarded guarded;
    const auto acme = guarded.token({"team", "--tenant", "acme"});
    EXPECT_THAT(guarded.with_token(acme, {"watch", "--tenant", "acme", "a"}).err,
                HasSubstr("endpoint a is not of tenant acme"));
    EXPECT_THAT(guarded.as_ops({"watch", "--tenant", "acme", "a"}).err,
                HasSubstr("endpoint a is not of tenant acme"));
}

}  // namespace
}  // namespace quorate::coordinator

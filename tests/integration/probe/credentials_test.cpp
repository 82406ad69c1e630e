// Credentials of a probe: to whom they are sent, what of them is told, and what is left of them.
#include <algorithm>
#include <functional>

#include <gmock/gmock.h>

#include "tests/integration/probe/event_stream.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kToken = "tok-8c1d27e0/a+b";
const std::string kBearer = "Bearer " + kToken;
const std::string kKey = "key-51f0\"93c4";  // JSON escapes it
const std::string kKeyInJson = "key-51f0\\\"93c4";

ProbeRequest with_credentials(const std::string& url) {
    auto request = request_for(url);
    auto credentials = std::make_shared<SecretHeaders>();
    credentials->push_back({"Authorization", SecretBytes{kBearer}});
    credentials->push_back({"X-Team-Key", SecretBytes{kKey}});
    request.credentials = std::move(credentials);
    request.retry = false;
    return request;
}

bool has_credentials(const RawRequest& request) {
    return request.field("Authorization") == kBearer && request.field("X-Team-Key") == kKey;
}

/// The requests that came without both, or with one of them twice.
std::vector<std::string> without_credentials(const std::vector<RawRequest>& requests) {
    std::vector<std::string> found;
    for (const auto& request : requests) {
        const auto first = request.head.find("Authorization:");
        const bool twice = request.head.find("Authorization:", first + 1) != std::string::npos;
        if (!has_credentials(request) || twice) found.push_back(request.head);
    }
    return found;
}

bool has_any_credential(const RawRequest& request) {
    return request.head.find(kToken) != std::string::npos ||
           request.head.find(kKey) != std::string::npos;
}

std::string tools_of_one(const std::string& name, const std::string& description) {
    return R"({"tools":[{"name":")" + name + R"(","description":")" + description +
           R"(","inputSchema":{"type":"object"}}]})";
}

class ProbeCredentials : public testing::Test {
protected:
    ProbeReport probe() { return harness_.probe(request_); }

    McpScript script_;
    RawServer server_{std::ref(script_)};
    ProbeHarness harness_;
    ProbeRequest request_ = with_credentials(server_.url());
};

TEST_F(ProbeCredentials, GoWithEveryRequestOfTheLegacyEraAlsoTheDelete) {
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_TRUE(report.credential_sent);
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());
    for (const auto* method :
         {"server/discover", "initialize", "notifications/initialized", "tools/list", "DELETE"})
        EXPECT_EQ(script_.count(method), 1) << method;
}

TEST_F(ProbeCredentials, GoWithEveryRequestOfTheModernEraAlsoTheCanary) {
    const std::string hints = R"("resultType":"complete","ttlMs":0,"cacheScope":"public",)";
    script_.on("server/discover", [&hints](const RawRequest& request) {
        return rpc_result(
            request,
            "{" + hints + R"("supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}})");
    });
    script_.on("tools/list", [&hints](const RawRequest& request) {
        return rpc_result(request, "{" + hints + tools_of_one("echo", "").substr(1));
    });
    script_.on("tools/call", [](const RawRequest& request) {
        return rpc_result(request, R"({"resultType":"complete","content":[]})");
    });
    request_.canary = Canary{"echo", "{}", {}, true};
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(report.era, Era::modern);
    EXPECT_EQ(script_.count("tools/call"), 1);
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());
}

TEST_F(ProbeCredentials, GoWithTheGetThatResumesAStream) {
    std::atomic<std::int64_t> list_id = 0;
    script_.on("tools/list", [&](const RawRequest& request) {
        list_id = request.rpc_id;
        return http(200, "text/event-stream", "id: 1\nretry: 20\ndata: \n\n");
    });
    script_.on("GET", [&](const RawRequest&) {
        return http(200, "text/event-stream", event(result(list_id, kToolsResult)));
    });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(script_.count("GET"), 1);
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());
}

TEST_F(ProbeCredentials, GoWithTheAnswersToTheServersOwnRequests) {
    script_.on("tools/list", [](const RawRequest& request) {
        return http(200,
                    "text/event-stream",
                    event(R"({"jsonrpc":"2.0","id":"p","method":"ping"})") +
                        event(result(request.rpc_id, kToolsResult)));
    });
    script_.on("POST", [](const RawRequest&) { return http(202, "", ""); });
    const auto report = probe();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    EXPECT_EQ(script_.count("POST"), 1) << "the answer to the ping, which has no method";
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());
}

TEST_F(ProbeCredentials, GoWithTheCancelOfACanaryThatIsGivenUp) {
    script_.on("tools/call", [](const RawRequest&) { return std::string{}; });
    script_.on("notifications/cancelled", [](const RawRequest&) { return http(202, "", ""); });
    request_.canary = Canary{"echo", "{}", {}, true};
    request_.timeout = milliseconds{400};
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "timeout_headers") << report.detail;
    EXPECT_EQ(script_.count("notifications/cancelled"), 1);
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());
}

/// HTTP+SSE of 2024-11-05, which keeps what came.
class SseServer {
public:
    void operator()(RawConnection& connection) {
        for (RawRequest request; connection.read(request);) {
            {
                const std::lock_guard lock{mutex_};
                requests_.push_back(request);
            }
            if (request.method() == "GET") {
                connection.send(kStream + "event: endpoint\ndata: /messages?sessionId=1\n\n");
                for (auto text = says_.take(); text.starts_with("data: "); text = says_.take())
                    connection.send(text);
                return connection.wait_for_close();
            }
            connection.send(http(202, "text/plain", "Accepted"));
            if (request.rpc_id == 0) continue;
            const bool lists = request.rpc_method == "tools/list";
            says_.put(event(result(request.rpc_id, lists ? kToolsResult : kInitializeResult)));
        }
    }
    void finish() { says_.put("no more"); }
    std::vector<RawRequest> requests() {
        const std::lock_guard lock{mutex_};
        return requests_;
    }

private:
    std::mutex mutex_;
    std::vector<RawRequest> requests_;
    Mailbox says_;
};

TEST(ProbeCredentialsOverSse, GoWithTheStreamsGetAndEveryPost) {
    SseServer script;
    RawServer server{std::ref(script)};
    ProbeHarness harness;
    auto request = with_credentials(server.url("/sse"));
    request.era = EraMode::sse;
    const auto report = harness.probe(request);
    script.finish();
    EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
    std::vector<std::string> methods;
    for (const auto& each : script.requests())
        methods.push_back(each.rpc_method.empty() ? each.method() : each.rpc_method);
    EXPECT_EQ(
        methods,
        (std::vector<std::string>{"GET", "initialize", "notifications/initialized", "tools/list"}));
    EXPECT_THAT(without_credentials(script.requests()), testing::IsEmpty());
}

TEST_F(ProbeCredentials, FollowARedirectWithinTheOriginAndNoneBeyondIt) {
    const auto redirects_to = [this](const std::string& url) {
        script_.on("initialize", [url](const RawRequest& request) {
            const bool moved = request.head.starts_with("POST /mcp/ ");
            return moved ? rpc_result(request, kInitializeResult)
                         : http(307, "", "", "Location: " + url + "\r\n");
        });
    };
    request_.era_hint = Era::legacy;
    redirects_to("/mcp/");
    const auto within = probe();
    EXPECT_EQ(within.verdict, Verdict::up) << within.detail;
    EXPECT_TRUE(within.final_url.ends_with("/mcp/"));
    EXPECT_THAT(without_credentials(script_.requests()), testing::IsEmpty());

    McpScript elsewhere;
    RawServer other{std::ref(elsewhere)};
    redirects_to(other.url("/mcp/"));
    const auto beyond = probe();
    EXPECT_EQ(name_or_none(beyond.reason), "redirect_refused") << beyond.detail;
    EXPECT_EQ(other.connections(), 0);
}

TEST_F(ProbeCredentials, DoNotGoToTheHealthUrlWhateverItsOrigin) {
    McpScript elsewhere;
    RawServer other{std::ref(elsewhere)};
    for (auto* asked : {&script_, &elsewhere}) {
        asked->on("GET", [](const RawRequest&) { return http(200, "", "fine"); });
        request_.health_url = (asked == &script_ ? server_ : other).url("/health");
        const auto report = probe();
        EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
        ASSERT_TRUE(report.health);
        EXPECT_EQ(report.health->status, 200);
        auto requests = asked->requests();
        std::erase_if(requests, [](const auto& each) { return each.method() != "GET"; });
        ASSERT_EQ(requests.size(), 1U);
        EXPECT_FALSE(has_any_credential(requests.front())) << requests.front().head;
    }
}

TEST_F(ProbeCredentials, ThatAreRefusedAreAuthFailed) {
    script_.on("server/discover", [](const RawRequest&) {
        return http(401, "", "", "WWW-Authenticate: Bearer scope=\"" + kToken + "\"\r\n");
    });
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "auth_failed") << report.detail;
    EXPECT_TRUE(report.credential_sent);
    EXPECT_EQ(report.auth.scope, "***");
}

TEST_F(ProbeCredentials, ThatAServerSendsBackAreMaskedInWhatIsToldOfIt) {
    script_.on("initialize", [](const RawRequest& request) {
        return rpc_result(request,
                          R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},)"
                          R"("serverInfo":{"name":"for )" +
                              request.field("Authorization") + R"(","version":")" + kKeyInJson +
                              R"("}})");
    });
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_result(request, tools_of_one("echo_" + kToken, ""));
    });
    script_.on("tools/call", [](const RawRequest& request) {
        return rpc_error(request, 200, -32000, "no: " + request.field("Authorization"));
    });
    request_.canary = Canary{"echo_" + kToken, "{}", {}, true};
    std::vector<std::string> lines;
    request_.trace = [&lines](unsigned, microseconds, std::string_view line) {
        lines.emplace_back(line);
    };
    const auto report = probe();
    EXPECT_EQ(name_or_none(report.reason), "canary_rpc_error");
    EXPECT_THAT(report.detail, AllOf(HasSubstr("no: ***"), Not(HasSubstr(kToken))));
    EXPECT_EQ(report.server_name, "for ***");
    EXPECT_EQ(report.server_version, "***");
    ASSERT_TRUE(report.tools);
    EXPECT_EQ(report.tools->names, std::vector<std::string>{"echo_***"});

    EXPECT_THAT(lines, Each(Not(HasSubstr(kToken))));
    EXPECT_THAT(lines, Each(Not(HasSubstr(kKey))));
    EXPECT_THAT(lines, Each(Not(HasSubstr(kKeyInJson))));
    EXPECT_THAT(lines, Contains(HasSubstr("Authorization: ***")));
    EXPECT_THAT(lines, Contains(HasSubstr("X-Team-Key: ***")));
    EXPECT_THAT(lines, Contains(HasSubstr(R"("name":"echo_***")")));
    EXPECT_THAT(lines, Contains(HasSubstr(R"("name":"for ***")")));
}

TEST_F(ProbeCredentials, ThatAServerShowsInItsToolsCostTheListAndNotItsHashes) {
    const auto list_with = [this](const std::string& description) {
        script_.on("tools/list", [description](const RawRequest& request) {
            return rpc_result(request, tools_of_one("echo", description));
        });
    };
    for (const bool asked : {false, true}) {
        request_.keep_tools = asked;
        request_.wants_tools = [](std::string_view) { return true; };
        list_with("fine");
        const auto fine = probe();
        ASSERT_TRUE(fine.tool_list);
        EXPECT_FALSE(fine.list_has_credential);
        for (const auto& shown : {kBearer, kToken, kKeyInJson}) {
            list_with("You are " + shown + ".");
            const auto report = probe();
            EXPECT_EQ(report.verdict, Verdict::up) << report.detail;
            EXPECT_FALSE(report.tool_list) << shown;
            EXPECT_TRUE(report.list_has_credential) << shown;
            ASSERT_TRUE(report.tools);
            EXPECT_EQ(report.tools->full_hash.size(), 64U);
            EXPECT_EQ(report.tools->semantic_hash, fine.tools->semantic_hash);
            EXPECT_NE(report.tools->full_hash, fine.tools->full_hash);
        }
    }
}

TEST_F(ProbeCredentials, AHeaderThatIsNoCredentialCostsNoList) {
    request_.headers.emplace_back("X-Probe", "quorate-probe");
    request_.keep_tools = true;
    script_.on("tools/list", [](const RawRequest& request) {
        return rpc_result(request, tools_of_one("echo", "Not for quorate-probe"));
    });
    EXPECT_TRUE(probe().tool_list);
}

}  // namespace
}  // namespace quorate

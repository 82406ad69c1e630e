// What servers may put into TLS records, and how many of them, other than OpenSSL does.
#include "tests/integration/probe/tls_records.hpp"

#include <functional>
#include <semaphore>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/probe/certificates.hpp"
#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/raw_server.hpp"

namespace quorate {
namespace {

class ProbeTlsRecords : public testing::Test {
protected:
    ProbeTlsRecords() { TlsRecords::prepare(context_.get()); }

    /// Serves the connection up to tools/list, whose answer comes from `say`, and the rest of it.
    using Say = std::function<void(RawConnection&, TlsRecords&, const std::string& answer)>;
    void serve(RawConnection& connection, const Say& say) {
        McpScript script;
        if (!script.serve_until(connection, "tools/list")) return;
        const auto asked = script.requests();
        TlsRecords records{asked.size() - 1};
        say(connection, records, rpc_result(asked.back(), kToolsResult));
        for (RawRequest request; connection.read(request);)
            connection.send_bare(records.data(http(200, "", "")));
    }
    ProbeRequest request_at(const RawServer& server) {
        auto request = request_for(server.url());
        request.ca_file = authority_.ca_file();
        request.retry = false;
        return request;
    }

    TestAuthority authority_;
    std::shared_ptr<ssl_ctx_st> context_ = authority_.server({});
    ProbeHarness harness_;
};

TEST_F(ProbeTlsRecords, TwoTicketsInOneRecordKeepNoAnswerBack) {
    constexpr milliseconds kPause{50};
    const std::pair<const char*, Say> rows[] = {
        {"alone",
         [&](auto& connection, auto& records, auto& answer) {
             connection.send_bare(records.tickets(2));
             connection.stirs_within(kPause);
             connection.send_bare(records.data(answer));
         }},
        {"with the answer",
         [&](auto& connection, auto& records, auto& answer) {
             const auto tickets = records.tickets(2);
             connection.send_bare(tickets + records.data(answer));
         }},
        {"with a part of the answer's record",
         [&](auto& connection, auto& records, auto& answer) {
             auto all = records.tickets(2);
             all += records.data(answer);
             connection.send_bare(all.substr(0, all.size() - 9));
             connection.stirs_within(kPause);
             connection.send_bare(all.substr(all.size() - 9));
         }},
        {"in the midst of the answer",
         [&](auto& connection, auto& records, auto& answer) {
             auto begin = records.data(answer.substr(0, 30));
             begin += records.tickets(2);
             connection.send_bare(begin);
             connection.stirs_within(kPause);
             connection.send_bare(records.data(answer.substr(30)));
         }},
        {"in two pieces",
         [&](auto& connection, auto& records, auto& answer) {
             const auto tickets = records.tickets(2);
             connection.send_bare(tickets.substr(0, 90));
             connection.stirs_within(kPause);
             connection.send_bare(tickets.substr(90) + records.data(answer));
         }},
    };
    for (const auto& [name, say] : rows) {
        RawServer server{[&](RawConnection& connection) { serve(connection, say); },
                         context_.get()};
        const auto report = harness_.probe(request_at(server));
        EXPECT_EQ(report.verdict, Verdict::up) << name << ": " << report.detail;
    }
}

/// Records without end in place of a body.
using Make = std::function<std::string(TlsRecords&)>;
void flood(RawConnection& connection,
           TlsRecords& records,
           const Make& make,
           std::counting_semaphore<>& floods) {
    connection.send_bare(
        records.data("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: 9999999\r\n\r\n"));
    bool goes_on = true;
    for (int piece = 0; goes_on; ++piece) {
        std::string some;
        while (some.size() < 30'000)
            some += make(records);
        goes_on = connection.send_bare(some);
        if (piece == 10 || !goes_on) floods.release();
    }
}

TEST_F(ProbeTlsRecords, AFloodOfThemLeavesOthersTheirTurnAndEndsInTime) {
    const std::tuple<const char*, Make, const char*> rows[] = {
        {"of a byte each", [](auto& records) { return records.data(" "); }, "timeout_body"},
        {"of a ticket each", [](auto& records) { return records.tickets(1); }, "timeout_body"},
        {"full of tickets", [](auto& records) { return records.tickets(300); }, "timeout_body"},
        {"without content", [](auto& records) { return records.data(""); }, "response_truncated"},
    };
    for (const auto& [name, make, reason] : rows) {
        SCOPED_TRACE(name);
        std::counting_semaphore<> floods{0};
        const Say say = [&, &make = make](auto& connection, auto& records, auto&) {
            flood(connection, records, make, floods);
        };
        RawServer flooding{[&](RawConnection& connection) { serve(connection, say); },
                           context_.get()};
        McpScript script;
        script.on("tools/list", [&](const RawRequest& request) {
            floods.acquire();
            return rpc_result(request, kToolsResult);
        });
        RawServer healthy{std::ref(script)};
        std::vector<ProbeRequest> requests{request_at(flooding), request_at(healthy)};
        auto reports = harness_.probe_together(std::move(requests));
        ASSERT_EQ(reports.size(), 2U);
        const bool healthy_first = reports.front().url == healthy.url();
        if (!healthy_first) std::swap(reports[0], reports[1]);
        EXPECT_EQ(reports[0].verdict, Verdict::up) << reports[0].detail;
        EXPECT_EQ(name_or_none(reports[1].reason), reason) << reports[1].detail;
        const bool ends_by_itself = reports[1].reason != Reason::timeout_body;
        EXPECT_TRUE(healthy_first || ends_by_itself) << "it kept the loop";
    }
}

}  // namespace
}  // namespace quorate

#include "probe/response_reader.hpp"

#include <array>
#include <charconv>

#include <gtest/gtest.h>

namespace quorate {
namespace {

/// One whole response as the reader sees it; `ends`: the peer closes behind it.
ReadStep read(ResponseReader& reader, const std::string& text, bool ends = false) {
    std::size_t consumed = 0;
    const auto step = reader.feed(text, consumed);
    return step == ReadStep::need_more && ends ? reader.end_of_stream() : step;
}

std::string response(std::string_view type, std::string_view body, int status = 200) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string{type} +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

std::string hex(std::size_t number) {
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), number, 16).ptr;
    return {digits.begin(), end};
}

constexpr std::string_view kAnswer = R"({"jsonrpc":"2.0","id":1,"result":{}})";

struct Row {
    std::string text;
    Reason reason;
};

TEST(ResponseReader, NamesWhatIsWrongWithAnAnswer) {
    const std::string stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const auto deep = R"({"jsonrpc":"2.0","id":1,"result":)" + std::string(200, '[') +
                      std::string(200, ']') + "}";
    const Row rows[] = {
        {response("application/json", deep), Reason::response_too_large},
        {stream + "data: " + deep + "\n\n", Reason::response_too_large},
        {response("application/json", "{"), Reason::protocol_invalid_json},
        {response("application/json", "\xFF"), Reason::protocol_invalid_json},
        {response("application/json", R"({"id":1,"result":{}})"), Reason::protocol_invalid_message},
        {response("application/json", R"({"jsonrpc":"2.0","id":2,"result":{}})"),
         Reason::protocol_id_mismatch},
        {response("application/json", R"({"jsonrpc":"2.0","method":"n"})"),
         Reason::protocol_no_response},
        {response("application/json", ""), Reason::protocol_no_response},
        {response("text/html", "<p>"), Reason::http_unexpected_content_type},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Reason::http_unexpected_content_type},
        {stream + ": ping\n\ndata: \n\n", Reason::protocol_no_response},
        {stream + "data: {\n\n", Reason::protocol_invalid_json},
        {stream + "data: " + std::string{kAnswer} + "\n", Reason::protocol_no_response},
        {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{",
         Reason::response_truncated},
        {"HTTP/1.1 200 OK\r\n", Reason::connection_closed},
        {"NONSENSE\r\n\r\n", Reason::http_malformed},
    };
    for (const auto& row : rows) {
        ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
        ASSERT_EQ(read(reader, row.text, true), ReadStep::failed) << row.text;
        EXPECT_EQ(name_of(reader.failure()->reason), name_of(row.reason)) << row.text;
    }
}

TEST(ResponseReader, ContentTypesAreComparedWithoutCaseAndParameters) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    EXPECT_EQ(read(reader, response("Application/JSON; charset=UTF-8", kAnswer)),
              ReadStep::satisfied);
    EXPECT_TRUE(reader.reusable());
}

TEST(ResponseReader, AStreamIsLeftAsSoonAsTheAnswerIsIn) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    const auto text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        "id: p\ndata: \n\nevent: ping\ndata: {}\n\nevent: message\ndata: " +
        std::string{kAnswer} + "\n\n";
    EXPECT_EQ(read(reader, text), ReadStep::satisfied);
    EXPECT_FALSE(reader.message_done());
    EXPECT_FALSE(reader.reusable());
}

TEST(ResponseReader, ARequestOfTheServerWantsAttentionBeforeTheAnswer) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    EXPECT_EQ(read(reader,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                   "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n"),
              ReadStep::attention);
    EXPECT_EQ(reader.inbox().take_server_requests().size(), 1U);
    EXPECT_EQ(read(reader, "data: " + std::string{kAnswer} + "\n\n"), ReadStep::satisfied);
}

TEST(ResponseReader, ABodyOfAnErrorGivesItsJsonRpcError) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    EXPECT_EQ(read(reader,
                   response("application/json",
                            R"({"jsonrpc":"2.0","id":"server-error","error":{"code":-32600}})",
                            404)),
              ReadStep::satisfied);
    EXPECT_EQ(reader.rpc_error()->code, -32600);
}

TEST(ResponseReader, AnErrorWithoutIdAnswersTheOneRequestUnderWay) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    EXPECT_EQ(read(reader,
                   response("application/json",
                            R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700}})")),
              ReadStep::satisfied);
    EXPECT_TRUE(reader.inbox().response());
}

/// The outcome of `text` when it comes at once and when it comes byte by byte; they must agree.
std::string outcome(Wanted wanted, const std::string& text) {
    std::string outcomes[2];
    for (const bool at_once : {true, false}) {
        ResponseReader reader{wanted, Phase::tools_list, 1};
        auto step = ReadStep::need_more;
        std::string buffer;
        for (std::size_t at = 0; at < text.size() && step == ReadStep::need_more;) {
            buffer += text.substr(at, at_once ? text.size() : 1);
            at += at_once ? text.size() : 1;
            std::size_t consumed = 0;
            step = reader.feed(buffer, consumed);
            buffer.erase(0, consumed);
        }
        outcomes[at_once ? 0 : 1] = step == ReadStep::failed
                                        ? std::string{name_of(reader.failure()->reason)}
                                    : step == ReadStep::satisfied ? "satisfied"
                                                                  : "goes on";
    }
    EXPECT_EQ(outcomes[0], outcomes[1]) << text;
    return outcomes[0];
}

TEST(ResponseReader, TheFirstThatDecidesDecidesHoweverTheBytesAreSplit) {
    const std::string stream =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto chunk = [](std::string_view text) {
        return hex(text.size()) + "\r\n" + std::string{text} + "\r\n";
    };
    const auto good = chunk("data: " + std::string{kAnswer} + "\n\n");
    const auto bad = chunk("data: {\n\n");
    const auto endpoint = chunk("event: endpoint\ndata: /m\n\n");
    EXPECT_EQ(outcome(Wanted::rpc_response, stream + bad + good), "protocol_invalid_json");
    EXPECT_EQ(outcome(Wanted::rpc_response, stream + good + bad), "satisfied");
    EXPECT_EQ(outcome(Wanted::rpc_response, stream + good + "zz\r\n"), "satisfied");
    EXPECT_EQ(outcome(Wanted::first_event, stream + endpoint + bad), "satisfied");
    EXPECT_EQ(outcome(Wanted::first_event, stream + endpoint + "zz\r\n"), "satisfied");
    EXPECT_EQ(outcome(Wanted::head, stream + "zz\r\n"), "satisfied");
    EXPECT_EQ(outcome(Wanted::rpc_response, stream + bad + "zz\r\n"), "protocol_invalid_json");
    EXPECT_EQ(outcome(Wanted::rpc_response, stream + "zz\r\n"), "http_malformed");
}

TEST(ResponseReader, AConnectionIsKeptWhateverStandsBehindTheAnswer) {
    const auto text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 64\r\n\r\ndata: " +
        std::string{kAnswer} + "\n\ndata: { no JSON { \n\n";
    for (const std::size_t size : {std::size_t{1}, text.size()}) {
        ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
        auto step = ReadStep::need_more;
        std::string buffer;
        for (std::size_t at = 0; at < text.size(); at += size) {
            buffer += text.substr(at, size);
            std::size_t consumed = 0;
            step = reader.feed(buffer, consumed);
            buffer.erase(0, consumed);
            if (step == ReadStep::satisfied) reader.want(Wanted::whole_message, Phase::http);
        }
        EXPECT_EQ(step, ReadStep::satisfied) << size;
        EXPECT_TRUE(reader.reusable()) << size;
    }
}

TEST(ResponseReader, OfAnErrorPageTheFirst64KiBAreReadHoweverTheyAreSplit) {
    const std::string error = R"({"jsonrpc":"2.0","id":1,"error":{"code":-32600}})";
    const auto text = response("application/json", error + std::string(100'000, ' ') + error, 400);
    for (const std::size_t size : {text.size(), std::size_t{1000}, std::size_t{70'000}}) {
        ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
        auto step = ReadStep::need_more;
        std::string buffer;
        for (std::size_t at = 0; at < text.size(); at += size) {
            buffer += text.substr(at, size);
            std::size_t consumed = 0;
            step = reader.feed(buffer, consumed);
            buffer.erase(0, consumed);
        }
        EXPECT_EQ(step, ReadStep::satisfied);
        ASSERT_TRUE(reader.rpc_error()) << size;
        EXPECT_EQ(reader.rpc_error()->code, -32600);
    }
}

TEST(ResponseReader, OneStreamAnswersSeveralRequestsInTurn) {
    ResponseReader reader{Wanted::first_event, Phase::sse_open};
    EXPECT_EQ(read(reader,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                   "event: endpoint\ndata: /m\n\n"),
              ReadStep::satisfied);
    EXPECT_EQ(reader.first_event()->data, "/m");
    for (const int id : {1, 2}) {
        reader.want(Wanted::rpc_response, Phase::initialize, id);
        EXPECT_EQ(read(reader,
                       "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":" + std::to_string(id) +
                           ",\"result\":{}}\n\n"),
                  ReadStep::satisfied);
        EXPECT_FALSE(reader.first_event()) << "nobody needs it any more, and it may be 16 MiB";
    }
}

TEST(ResponseReader, KeepsNoEventThatIsReadAsAMessage) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    const std::string text =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"m\"}\n\n";
    std::size_t consumed = 0;
    EXPECT_EQ(reader.feed(text, consumed), ReadStep::need_more);
    EXPECT_FALSE(reader.first_event());
}

TEST(ResponseReader, AnErrorStatusDecidesWhateverItsBodyDoes) {
    const std::string head = "HTTP/1.1 500 X\r\nContent-Type: application/json\r\n";
    for (const auto& text : {head + "Content-Length: 90\r\n\r\n{",
                             head + "Content-Length: 99999999\r\n\r\n{",
                             head + "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"}) {
        ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
        EXPECT_EQ(read(reader, text, true), ReadStep::satisfied) << text;
        EXPECT_EQ(reader.head().status, 500);
        EXPECT_FALSE(reader.reusable());
        std::size_t consumed = 0;
        EXPECT_EQ(reader.feed("more", consumed), ReadStep::satisfied);
        EXPECT_EQ(consumed, 4U);
    }
}

TEST(ResponseReader, TheHeadOfA2xxIsAllOfAnAcceptance) {
    const std::string open = "\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const auto* status : {"202 Accepted", "200 OK", "204 No Content"}) {
        ResponseReader reader{Wanted::acceptance, Phase::initialized};
        EXPECT_EQ(read(reader, "HTTP/1.1 " + std::string{status} + open), ReadStep::satisfied);
    }
    ResponseReader whole{Wanted::acceptance, Phase::initialized};
    EXPECT_EQ(read(whole, response("text/plain", "Accepted", 202)), ReadStep::satisfied);
    EXPECT_TRUE(whole.reusable());
    // A refusal says more in its body.
    ResponseReader refused{Wanted::acceptance, Phase::initialized};
    EXPECT_EQ(read(refused, "HTTP/1.1 404 Not Found" + open), ReadStep::need_more);
    EXPECT_EQ(read(refused, "2\r\nno\r\n0\r\n\r\n"), ReadStep::satisfied);
    EXPECT_EQ(refused.error_page(), "no");
}

TEST(ResponseReader, AnEncodingThatNobodyAskedForIsNamed) {
    ResponseReader reader{Wanted::rpc_response, Phase::tools_list, 1};
    read(reader,
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: GZip\r\n"
         "Content-Length: 2\r\n\r\n\x1f\x8b");
    ASSERT_TRUE(reader.failure());
    EXPECT_EQ(reader.failure()->reason, Reason::protocol_invalid_json);
    EXPECT_NE(reader.failure()->detail.find("encoded as gzip"), std::string::npos);
}

}  // namespace
}  // namespace quorate

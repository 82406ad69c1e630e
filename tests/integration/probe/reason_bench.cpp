#include "tests/integration/probe/reason_bench.hpp"

#include <filesystem>
#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/probe/harness.hpp"
#include "tests/integration/probe/node_server.hpp"
#include "tests/integration/probe/npm_servers.hpp"

namespace quorate {

const std::string_view kDiscoverResult =
    R"({"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},)"
    R"("ttlMs":0,"cacheScope":"public",)"
    R"("_meta":{"io.modelcontextprotocol/serverInfo":{"name":"script","version":"1"}}})";
const std::string_view kModernToolsResult =
    R"({"resultType":"complete","ttlMs":0,"cacheScope":"public",)"
    R"("tools":[{"name":"echo","inputSchema":{"type":"object"}}]})";

Outcome Outcome::of(const ProbeReport& report) {
    Outcome outcome;
    outcome.verdict = report.verdict;
    outcome.reason = report.reason;
    outcome.phase = report.phase;
    outcome.http_status = report.http_status;
    outcome.rpc_code = report.rpc_code;
    if (report.tls) outcome.tls_verify_code = report.tls->verify_code;
    outcome.os_error = report.os_error;
    outcome.warnings = report.warnings;
    outcome.detail = report.detail;
    return outcome;
}

Outcome Outcome::of(const Cell& cell) {
    Outcome outcome;
    outcome.verdict = cell.verdict;
    outcome.reason = cell.reason;
    outcome.phase = cell.phase;
    outcome.detail = cell.detail;
    return outcome;
}

namespace {

/// Sends a request to a port of loopback and gives all that comes back.
std::string exchange(std::uint16_t port, const std::string& request) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    std::string answer;
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) > 0) {
        char piece[1024];
        for (ssize_t count = 0; (count = ::recv(descriptor, piece, sizeof piece, 0)) > 0;)
            answer.append(piece, static_cast<std::size_t>(count));
    }
    ::close(descriptor);
    return answer;
}

/// The lab server, with the folder that holds its certificates.
class Lab {
public:
    Lab() : folder_{made_folder()}, server_{{"lab.mjs", "--dir", folder_.string()}} {}
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    ~Lab() { std::filesystem::remove_all(folder_); }

    std::string fact(const char* name) const { return server_.fact(name); }
    void set(const std::string& state, const std::string& from) {
        const auto origin = from.empty() ? std::string{"null"} : '"' + from + '"';
        const auto body = R"({"state":")" + state + R"(","from":)" + origin + "}";
        const auto control = server_.fact("control");  // http://127.0.0.1:PORT
        const auto port = std::stoi(control.substr(control.rfind(':') + 1));
        const auto answer = exchange(static_cast<std::uint16_t>(port),
                                     "PUT /state HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n"
                                     "Content-Type: application/json\r\nContent-Length: " +
                                         std::to_string(body.size()) + "\r\n\r\n" + body);
        if (answer.rfind("HTTP/1.1 2", 0) != 0)
            throw std::runtime_error{"the lab refuses its state: " + answer};
    }

private:
    static std::filesystem::path made_folder() {
        auto folder = std::filesystem::temp_directory_path() /
                      ("quorate-reasons-" + std::to_string(::getpid()));
        std::filesystem::create_directories(folder);
        return folder;
    }

    std::filesystem::path folder_;
    NodeServer server_;
};

}  // namespace

struct ReasonBench::Shared {
    TestAuthority authority;
    ProbeHarness harness;
    std::unique_ptr<Lab> lab;
    std::unique_ptr<NodeServer> everything;
    std::unique_ptr<NodeServer> everything_sse;
    std::unique_ptr<NpmServer> oauth;

    /// One at the lab, which is sound again afterwards.
    ProbeReport probe_lab(const char* endpoint, const std::string& state, const Tweak& tweak) {
        if (!lab) lab = std::make_unique<Lab>();
        auto request = request_for(lab->fact(endpoint));
        request.timeout = std::chrono::seconds{8};  // a cold Node on a busy machine
        request.retry = false;
        request.ca_file = lab->fact("ca_file");
        if (tweak) tweak(request);
        lab->set(state, request.bind_address);
        auto report = harness.probe(std::move(request));
        lab->set("up", {});
        return report;
    }
};

ReasonBench::ReasonBench() : shared_{std::make_unique<Shared>()} {}
ReasonBench::~ReasonBench() = default;

Outcome ReasonBench::probe(const std::string& url, const Tweak& tweak) {
    auto request = request_for(url);
    request.timeout = std::chrono::seconds{10};
    request.retry = false;
    if (tweak) tweak(request);
    return Outcome::of(shared_->harness.probe(std::move(request)));
}

Outcome ReasonBench::probe_cancelled_after(const std::string& url, milliseconds delay) {
    return Outcome::of(shared_->harness.probe_cancelled_after(request_for(url), delay));
}

const TestAuthority& ReasonBench::authority() const {
    return shared_->authority;
}

Outcome ReasonBench::probe_raw(RawServer::Serve serve, const Tweak& tweak) {
    const RawServer server{std::move(serve)};
    return probe(server.url(), tweak);
}

Outcome ReasonBench::probe_script(McpScript& script, const Tweak& tweak) {
    return probe_raw(std::ref(script), tweak);
}

Outcome ReasonBench::probe_legacy(const std::string& method,
                                  McpScript::Say say,
                                  const Tweak& tweak) {
    McpScript script;
    script.on(method, std::move(say));
    return probe_script(script, tweak);
}

Outcome ReasonBench::probe_modern(const std::string& method,
                                  McpScript::Say say,
                                  const Tweak& tweak) {
    McpScript script;
    speak_modern(script);
    script.on(method, std::move(say));
    return probe_script(script, tweak);
}

Outcome ReasonBench::probe_tls(const CertificatePlan& plan, const Tweak& tweak) {
    const auto context = shared_->authority.server(plan);
    McpScript script;
    const RawServer server{std::ref(script), context.get()};
    return probe(server.url(), [&](ProbeRequest& request) {
        request.ca_file = shared_->authority.ca_file();
        if (tweak) tweak(request);
    });
}

Outcome ReasonBench::probe_lab(const char* endpoint, const std::string& state, const Tweak& tweak) {
    return Outcome::of(shared_->probe_lab(endpoint, state, tweak));
}

std::vector<boost::json::object> ReasonBench::tools_of_lab(const char* endpoint) {
    const auto report = shared_->probe_lab(
        endpoint, "up", [](ProbeRequest& request) { request.keep_tools = true; });
    if (!report.tool_list || report.tool_list->empty())
        throw std::runtime_error{"the lab lists no tools: " + report.detail};
    return *report.tool_list;
}

Outcome ReasonBench::probe_oauth(bool by_address, const Tweak& tweak) {
    if (!shared_->oauth) shared_->oauth = std::make_unique<NpmServer>("sdk-oauth");
    auto url = shared_->oauth->url();
    static constexpr std::string_view kName = "localhost";
    if (by_address) url.replace(url.find(kName), kName.size(), "127.0.0.1");
    return probe(url, tweak);
}

Outcome ReasonBench::probe_everything(const Tweak& tweak) {
    if (!shared_->everything)
        shared_->everything =
            std::make_unique<NodeServer>(std::vector<std::string>{"everything.mjs"});
    return probe(shared_->everything->fact("url"), [&](ProbeRequest& request) {
        request.timeout = std::chrono::seconds{8};
        if (tweak) tweak(request);
    });
}

Outcome ReasonBench::probe_everything_sse(const Tweak& tweak) {
    if (!shared_->everything_sse)
        shared_->everything_sse = std::make_unique<NodeServer>(
            std::vector<std::string>{"everything.mjs", "--transport", "sse"});
    return probe(shared_->everything_sse->fact("url"), [&](ProbeRequest& request) {
        request.timeout = std::chrono::seconds{8};
        if (tweak) tweak(request);
    });
}

Tweak against(Era era, std::vector<boost::json::object> tools) {
    ToolListBaseline baseline;
    baseline.era = era;
    baseline.tools = std::move(tools);
    return [shared = std::make_shared<const ToolListBaseline>(std::move(baseline))](
               ProbeRequest& request) { request.baseline = shared; };
}

void speak_modern(McpScript& script) {
    script.on("server/discover", result(std::string{kDiscoverResult}));
    script.on("tools/list", result(std::string{kModernToolsResult}));
    script.on("initialize", error(400, -32022));
}

McpScript::Say status(int status, std::string fields) {
    return [status, fields = std::move(fields)](const RawRequest&) {
        return http(status, "", "", fields);
    };
}

McpScript::Say says(std::string type, std::string body) {
    return [type = std::move(type), body = std::move(body)](const RawRequest&) {
        return http(200, type, body);
    };
}

McpScript::Say verbatim(std::string bytes) {
    return [bytes = std::move(bytes)](const RawRequest&) { return bytes; };
}

McpScript::Say result(std::string json) {
    return
        [json = std::move(json)](const RawRequest& request) { return rpc_result(request, json); };
}

McpScript::Say error(int status, int code, std::string message) {
    return [status, code, message = std::move(message)](const RawRequest& request) {
        return rpc_error(request, status, code, message);
    };
}

}  // namespace quorate

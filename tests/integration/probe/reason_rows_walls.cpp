// Rows of servers that are alive and refuse us.
#include <boost/json/parse.hpp>

#include "tests/integration/cli/cli_run.hpp"
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

void with_token(ProbeRequest& request) {
    request.headers = {{"Authorization", "Bearer wrong"}};
}

/// A server that says `say` from the first request on.
ReasonRow wall_row(Reason reason, std::string how, McpScript::Say say, int code, Tweak tweak = {}) {
    return {reason,
            verdict_of(reason),
            Phase::discover,
            Provoker::scripted,
            std::move(how),
            [say = std::move(say), tweak = std::move(tweak)](ReasonBench& bench) {
                return bench.probe_legacy("server/discover", say, tweak);
            },
            {.http_status = static_cast<std::uint16_t>(code)}};
}

std::string bearer(const std::string& error) {
    return "WWW-Authenticate: Bearer realm=\"a, b\", error=\"" + error + "\"\r\n";
}

/// `quorate probe -f` of an endpoint whose token is a secret, which nobody gives.
Outcome probe_without_its_secret() {
    McpScript script;
    const RawServer server{std::ref(script)};
    const TestFolder folder;
    const auto file = folder.file("endpoints.yaml",
                                  "endpoints:\n  - name: walled\n    url: " + server.url() +
                                      "\n    auth: {bearer: {secret: nobody-gives-it}}\n");
    const auto run = run_cli({"probe", "-f", file, "--format", "json"});
    const auto report = boost::json::parse(run.out);
    const auto name = [&](const char* member) {
        return std::string_view{report.at(member).as_string()};
    };
    Outcome outcome;
    outcome.verdict = verdict_named(name("verdict")).value_or(Verdict::maint);
    outcome.reason = reason_named(name("reason"));
    outcome.phase = phase_named(name("phase"));
    outcome.detail = name("detail");
    if (server.connections() == 0 && run.status == 4) return outcome;
    outcome.reason.reset();
    outcome.detail = "the server was asked, or the exit status is another";
    return outcome;
}

}  // namespace

std::vector<ReasonRow> wall_rows() {
    const std::string challenge = "cf-mitigated: challenge\r\n";
    return {
        {Reason::auth_required,
         Verdict::auth,
         Phase::discover,
         Provoker::real,
         "the lab's state `auth`",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "auth"); },
         {.http_status = 401}},
        {Reason::auth_failed,
         Verdict::auth,
         Phase::discover,
         Provoker::real,
         "the lab's state `auth`, with a token",
         [](ReasonBench& bench) { return bench.probe_lab("modern", "auth", with_token); },
         {.http_status = 401}},
        wall_row(Reason::auth_failed,
                 "HTTP 403 with error=invalid_token",
                 status(403, bearer("invalid_token")),
                 403,
                 with_token),
        {Reason::auth_failed,
         Verdict::auth,
         Phase::initialize,
         Provoker::scripted,
         "HTTP 400 with error=invalid_token to everything",
         [](ReasonBench& bench) {
             return bench.probe_raw(
                 [](RawConnection& connection) {
                     for (RawRequest request; connection.read(request);)
                         connection.send(http(400, "", "", bearer("invalid_token")));
                 },
                 with_token);
         },
         {.http_status = 400}},
        wall_row(Reason::auth_insufficient_scope,
                 "HTTP 403 with error=insufficient_scope",
                 status(403, bearer("insufficient_scope")),
                 403,
                 with_token),
        {Reason::auth_wall_missing,
         Verdict::degraded,
         Phase::tools_list,
         Provoker::real,
         "a wall is expected, and the lab lets the anonymous in",
         [](ReasonBench& bench) {
             return bench.probe_lab(
                 "modern", "up", [](ProbeRequest& request) { request.expect.auth_wall = true; });
         },
         {.http_status = 200}},
        {Reason::auth_token_unavailable,
         Verdict::unknown,
         Phase::config,
         Provoker::component,
         "quorate probe -f: the endpoint's token is a secret that nobody gives",
         [](ReasonBench&) { return probe_without_its_secret(); }},
        wall_row(Reason::forbidden, "HTTP 403 and nothing more", status(403), 403),
        wall_row(Reason::blocked, "HTTP 451", status(451), 451),
        wall_row(Reason::blocked, "HTTP 403 with a bot challenge", status(403, challenge), 403),
        wall_row(Reason::blocked, "HTTP 429 with a bot challenge", status(429, challenge), 429),
        wall_row(Reason::blocked, "HTTP 503 with a bot challenge", status(503, challenge), 503),
        wall_row(Reason::blocked,
                 "HTTP 202 with the challenge of AWS WAF",
                 status(202, "x-amzn-waf-action: challenge\r\n"),
                 202),
        wall_row(Reason::blocked,
                 "HTTP 405 with the captcha of AWS WAF",
                 status(405, "x-amzn-waf-action: captcha\r\n"),
                 405),
        wall_row(Reason::blocked,
                 "HTTP 429 with the challenge of Vercel",
                 status(429, "x-vercel-mitigated: challenge\r\n"),
                 429),
        wall_row(Reason::payment_required, "HTTP 402", status(402), 402),
        wall_row(Reason::rate_limited, "HTTP 429", status(429, "Retry-After: 17\r\n"), 429),
    };
}

}  // namespace quorate

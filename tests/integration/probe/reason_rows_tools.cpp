// Rows of what the owner wrote down: tools, canary, speed.
#include "tests/integration/probe/reason_bench.hpp"

namespace quorate {
namespace {

Tweak expecting(const char* tool, bool required) {
    return [tool, required](ProbeRequest& request) {
        request.expect.tools = {tool};
        request.expect.required = required;
    };
}

Tweak canary(Canary order) {
    return [order = std::move(order)](ProbeRequest& request) { request.canary = order; };
}

/// The same trouble twice: FAIL where the owner requires it, DEGRADED where not.
void add_both(std::vector<ReasonRow>& rows,
              Reason reason,
              Phase phase,
              Provoker by,
              const std::string& how,
              const std::function<Outcome(ReasonBench&, bool required)>& provoke,
              RowFacts facts = {}) {
    for (const bool required : {true, false})
        rows.push_back(
            {reason,
             required ? Verdict::fail : Verdict::degraded,
             phase,
             by,
             how + (required ? ", required" : ", optional"),
             [provoke, required](ReasonBench& bench) { return provoke(bench, required); },
             facts});
}

std::vector<ReasonRow> page_rows() {
    const auto row = [](const char* how, McpScript::Say say) {
        return ReasonRow{Reason::pagination_invalid,
                         Verdict::degraded,
                         Phase::tools_list,
                         Provoker::scripted,
                         how,
                         [say = std::move(say)](ReasonBench& bench) {
                             return bench.probe_legacy("tools/list", say);
                         }};
    };
    return {
        row("the same cursor twice", result(R"({"tools":[],"nextCursor":"a"})")),
        row("its own cursor refused",
            [](const RawRequest& request) {
                const bool first = request.body.find("cursor") == std::string::npos;
                return first ? rpc_result(request, R"({"tools":[],"nextCursor":"a"})")
                             : rpc_error(request, 200, -32602, "bad cursor");
            }),
    };
}

}  // namespace

std::vector<ReasonRow> tool_rows() {
    auto rows = page_rows();
    add_both(rows,
             Reason::tools_capability_missing,
             Phase::tools_list,
             Provoker::scripted,
             "a tool is expected, and the capability `tools` is not declared",
             [](ReasonBench& bench, bool required) {
                 return bench.probe_legacy(
                     "initialize",
                     result(R"({"protocolVersion":"2025-11-25","capabilities":{},)"
                            R"("serverInfo":{"name":"s","version":"1"}})"),
                     expecting("echo", required));
             });
    add_both(rows,
             Reason::tool_missing,
             Phase::tools_list,
             Provoker::real,
             "the lab's state `tool-missing`",
             [](ReasonBench& bench, bool required) {
                 return bench.probe_lab(
                     "modern", "tool-missing", expecting("search_documents", required));
             });
    add_both(rows,
             Reason::canary_rpc_error,
             Phase::tools_call,
             Provoker::real,
             "the lab's modern server, asked for a tool that it does not have",
             [](ReasonBench& bench, bool required) {
                 return bench.probe_lab("modern", "up", canary({"nope", "{}", {}, required}));
             },
             {.http_status = 200, .rpc_code = -32602});
    add_both(rows,
             Reason::canary_tool_error,
             Phase::tools_call,
             Provoker::real,
             "server-everything, asked for a tool that it does not have: isError",
             [](ReasonBench& bench, bool required) {
                 return bench.probe_everything(canary({"nope", "{}", {}, required}));
             },
             {.http_status = 200});
    add_both(rows,
             Reason::canary_assertion_failed,
             Phase::tools_call,
             Provoker::real,
             "server-everything adds 2 and 3, and the owner wants a 6",
             [](ReasonBench& bench, bool required) {
                 return bench.probe_everything(canary(
                     {"get-sum", R"({"a":2,"b":3})", {{"$", "contains", "\"6\""}}, required}));
             },
             {.http_status = 200});
    rows.push_back({Reason::canary_input_required,
                    Verdict::unknown,
                    Phase::tools_call,
                    Provoker::scripted,
                    "resultType input_required",
                    [](ReasonBench& bench) {
                        return bench.probe_modern(
                            "tools/call",
                            result(R"({"resultType":"input_required","inputRequests":{}})"),
                            canary({"echo", "{}", {}, true}));
                    },
                    {.http_status = 200}});
    rows.push_back({Reason::schema_drift,
                    Verdict::degraded,
                    Phase::tools_list,
                    Provoker::real,
                    "the lab's state `tool-missing`, against what it listed before",
                    [](ReasonBench& bench) {
                        auto before = bench.tools_of_lab("modern");
                        return bench.probe_lab(
                            "modern", "tool-missing", against(Era::modern, std::move(before)));
                    },
                    {.http_status = 200}});
    rows.push_back({Reason::slow,
                    Verdict::slow,
                    Phase::tools_list,
                    Provoker::real,
                    "the lab's state `slow=700ms`, over a threshold of 500 ms",
                    [](ReasonBench& bench) {
                        return bench.probe_lab("modern", "slow=700ms", [](ProbeRequest& request) {
                            request.slow_over_ms = 500;
                        });
                    },
                    {.http_status = 200}});
    return rows;
}

}  // namespace quorate

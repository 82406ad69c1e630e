#include <algorithm>

#include <boost/json/array.hpp>

#include "core/base/json_text.hpp"
#include "core/base/text.hpp"
#include "core/base/utf8.hpp"
#include "core/manifest/canonical_json.hpp"
#include "probe/classify.hpp"
#include "probe/jsonrpc.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace json = boost::json;

constexpr std::int64_t kAwaitedId = 1;

std::size_t depth_of(const json::value& value) {
    std::size_t below = 0;
    if (const auto* array = value.if_array())
        for (const auto& item : *array)
            below = std::max(below, depth_of(item));
    else if (const auto* object = value.if_object())
        for (const auto& member : *object)
            below = std::max(below, depth_of(member.value()));
    else
        return 0;
    return below + 1;
}

std::string text_of(RpcInbox& inbox) {
    auto text = inbox.response() ? canonical_json(*inbox.response()) : "nothing";
    text += inbox.saw_invalid() ? " invalid" : "";
    text += inbox.saw_other_id() ? " other" : "";
    for (const auto& request : inbox.take_server_requests())
        text += " " + canonical_json(request);
    return text;
}

void check_error(const RpcError& error) {
    require(error.message.size() <= 160, "an error's text is longer than 160 bytes");
    require(safe_text(error.message, error.message.size() + 3) == error.message,
            "an error's text is not safe");
    require(error.supported.size() <= 16, "more than 16 versions are kept");
    for (const auto& version : error.supported)
        require(version.size() <= 32 && safe_text(version, 40) == version, "a version is not safe");
    for (const auto phase :
         {Phase::discover, Phase::initialize, Phase::tools_list, Phase::tools_call}) {
        const auto failure = failure_of_rpc(error, phase);
        require(failure.phase == phase, "an error changes the phase");
        require(is_utf8(failure.detail), "a report is not UTF-8");
        require(is_modern_error(error.code) || error.code == 0 ||
                    failure.reason == (phase == Phase::tools_call ? Reason::canary_rpc_error
                                                                  : Reason::protocol_error),
                "an error that says nothing special has a special reason");
    }
}

void check_message(const json::value& message) {
    const auto* object = message.if_object();
    const auto kind = kind_of(message);
    if (object == nullptr || !object->contains("jsonrpc"))
        require(kind == RpcKind::invalid, "no JSON-RPC 2.0, but taken for it");
    if (kind == RpcKind::request || kind == RpcKind::notification)
        require(object->contains("method"), "a request without a method");
    if (kind == RpcKind::response)
        require(
            !object->contains("method") && object->contains("result") != object->contains("error"),
            "a response without exactly one of result and error");
    if (const auto error = error_of(message)) check_error(*error);
}

}  // namespace

void fuzz_jsonrpc(std::string_view input) {
    RpcInbox inbox{kAwaitedId};
    const bool taken = inbox.take(input);
    // The inbox overlooks one byte-order mark, as clients do; the parser knows none.
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (input.starts_with(kByteOrderMark)) input.remove_prefix(kByteOrderMark.size());
    const auto value = parse_json(input);
    require(taken == value.has_value(), "the inbox and the parser disagree");
    if (!value) {
        require(!inbox.response() && !inbox.has_server_requests(),
                "what is no JSON gives a message");
        return;
    }
    require(is_utf8(input), "text that is not UTF-8 passes for JSON");
    require(depth_of(*value) <= 128, "JSON nested more than 128 levels deep is taken");

    const auto* batch = value->if_array();
    require(inbox.saw_batch() == (batch != nullptr), "a batch is taken for a message");
    json::array alone;
    if (batch == nullptr) alone.push_back(*value);
    const auto& messages = batch == nullptr ? alone : *batch;
    // One after another they come to the same as in one batch.
    RpcInbox one_by_one{kAwaitedId};
    for (const auto& message : messages) {
        check_message(message);
        const auto text = canonical_json(message);
        require(one_by_one.take(message.is_array() ? "0" : text),
                "a message's own text is refused");
    }
    const auto response = inbox.response();
    if (response) {
        require(kind_of(*response) == RpcKind::response, "the answer is no response");
        const auto& id = response->at("id");
        require(id.is_null() || id.is_number(), "the answer has another id than ours");
    }
    require(text_of(inbox) == text_of(one_by_one), "a batch is not the sum of its messages");
}

}  // namespace quorate::fuzz

#include "probe/jsonrpc.hpp"

#include <utility>

#include <boost/json/error.hpp>

#include "core/base/text.hpp"
#include "probe/json_weight.hpp"

namespace quorate {
namespace {

namespace json = boost::json;

constexpr std::size_t kErrorTextBytesMax = 160;
constexpr std::size_t kVersionsMax = 16;

bool is_id(const json::value& id) {
    return id.is_number() || id.is_string();
}

/// An error that could not tell its id answers the one request that is under way.
bool answers(const json::value& id, std::int64_t wanted) {
    if (id.is_null()) return true;
    if (const auto* number = id.if_int64()) return *number == wanted;
    if (const auto* number = id.if_uint64()) return std::cmp_equal(*number, wanted);
    if (const auto* number = id.if_double()) return *number == static_cast<double>(wanted);
    return false;
}

}  // namespace

RpcKind kind_of(const json::value& message) {
    const auto* object = message.if_object();
    if (object == nullptr) return RpcKind::invalid;
    const auto* version = object->if_contains("jsonrpc");
    if (version == nullptr || !version->is_string() || version->get_string() != "2.0")
        return RpcKind::invalid;
    const auto* id = object->if_contains("id");
    if (const auto* method = object->if_contains("method")) {
        if (!method->is_string()) return RpcKind::invalid;
        if (id == nullptr) return RpcKind::notification;
        return is_id(*id) ? RpcKind::request : RpcKind::invalid;
    }
    const bool result = object->contains("result");
    const bool error = object->contains("error");
    const bool answers_us = id != nullptr && (is_id(*id) || (error && id->is_null()));
    return answers_us && result != error ? RpcKind::response : RpcKind::invalid;
}

const json::object* object_member(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    return member == nullptr ? nullptr : member->if_object();
}

std::optional<std::string_view> string_member(const json::object& object, std::string_view name) {
    const auto* member = object.if_contains(name);
    if (member == nullptr || !member->is_string()) return std::nullopt;
    return std::string_view{member->get_string()};
}

std::optional<RpcError> error_of(const json::value& message) {
    const auto* object = message.if_object();
    const auto* error = object == nullptr ? nullptr : object_member(*object, "error");
    if (error == nullptr) return std::nullopt;
    RpcError result;
    if (const auto* code = error->if_contains("code")) {
        boost::system::error_code not_a_number;
        result.code = code->to_number<std::int64_t>(not_a_number);
    }
    result.message = safe_text(string_member(*error, "message").value_or(""), kErrorTextBytesMax);
    const auto* data = object_member(*error, "data");
    const auto* supported = data == nullptr ? nullptr : data->if_contains("supported");
    if (supported == nullptr || !supported->is_array()) return result;
    for (const auto& version : supported->get_array())
        if (version.is_string() && result.supported.size() < kVersionsMax)
            result.supported.push_back(safe_text(version.get_string(), 32));
    return result;
}

bool RpcInbox::take(std::string_view json_text) {
    // Clients overlook it (RFC 8259 section 8.1; WHATWG's Response.json() decodes it away).
    static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (json_text.starts_with(kByteOrderMark)) json_text.remove_prefix(kByteOrderMark.size());
    std::optional<AnswerKey> key;
    if (recall_) {
        key = recall_.key_of(json_text, awaited_id_);
        if (auto known = recall_.find(*key)) {
            known_ = std::move(known);
            return true;
        }
    }
    if (has_too_many_values(json_text)) {
        saw_too_many_ = true;
        return false;
    }
    auto value = parse_json(json_text);
    if (!value) {
        saw_too_deep_ = saw_too_deep_ || value.error() == json::error::too_deep;
        return false;
    }
    if (auto* batch = value->if_array()) {
        saw_batch_ = true;
        for (auto& message : *batch)
            take_message(std::move(message), std::nullopt);
    } else {
        take_message(*std::move(value), key);
    }
    return true;
}

void RpcInbox::take_message(json::value message, const std::optional<AnswerKey>& key) {
    switch (kind_of(message)) {
        case RpcKind::request:
            if (++server_requests_seen_ <= kServerRequestsMax)
                server_requests_.push_back(std::move(message.get_object()));
            return;
        case RpcKind::notification:
            return;
        case RpcKind::response: {
            const bool ours = answers(message.get_object()["id"], awaited_id_);
            if (ours && !response_) {
                response_ = std::move(message.get_object());
                response_key_ = key;
            }
            saw_other_id_ = saw_other_id_ || !ours;
            return;
        }
        case RpcKind::invalid:
            saw_invalid_ = true;
            return;
    }
}

std::vector<json::object> RpcInbox::take_server_requests() {
    return std::exchange(server_requests_, {});
}

}  // namespace quorate

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "core/base/json_text.hpp"
#include "probe/answer_memo.hpp"

namespace quorate {

/// What one JSON value is as a JSON-RPC 2.0 message. `method` is looked at before `id`, since
/// servers reuse our ids for their own requests.
enum class RpcKind : std::uint8_t { request, notification, response, invalid };

RpcKind kind_of(const boost::json::value& message);

/// An error object of JSON-RPC, as far as it decides anything.
struct RpcError {
    std::int64_t code = 0;
    std::string message;                 ///< made safe
    std::vector<std::string> supported;  ///< `data.supported`
};

/// The error of `message`, where it is an object with an object `error`.
std::optional<RpcError> error_of(const boost::json::value& message);

/// The object member `name` of `object`, or nothing.
const boost::json::object* object_member(const boost::json::object& object, std::string_view name);
/// The string member `name` of `object`, or nothing.
std::optional<std::string_view> string_member(const boost::json::object& object,
                                              std::string_view name);

/// Sorts what comes in while we wait for the response with one id: that response, requests of the
/// server (at most 16 are kept), everything else as flags.
class RpcInbox {
public:
    static constexpr std::size_t kServerRequestsMax = 16;

    /// @param recall  asked about each text before it is parsed; may be empty
    explicit RpcInbox(std::int64_t awaited_id, AnswerRecall recall = {})
        : awaited_id_{awaited_id}, recall_{recall} {}

    /// Takes one JSON text: a message, or an array of them.
    /// @return false where it is not JSON, nested too deep for us, or of too many values
    bool take(std::string_view json_text);

    /// Whether the response with our id is in, parsed or known.
    bool has_response() const { return response_ || known_; }
    /// What an answer of the same bytes came to before; then there is no response().
    const KnownAnswer& known() const { return known_; }
    /// Under which key the response may be remembered.
    const std::optional<AnswerKey>& response_key() const { return response_key_; }
    const std::optional<boost::json::object>& response() const { return response_; }
    std::optional<boost::json::object> take_response() {
        return std::exchange(response_, std::nullopt);
    }
    bool has_server_requests() const { return !server_requests_.empty(); }
    /// Requests that came since the last call.
    std::vector<boost::json::object> take_server_requests();

    bool saw_invalid() const { return saw_invalid_; }
    bool saw_other_id() const { return saw_other_id_; }
    bool saw_batch() const { return saw_batch_; }
    bool saw_too_deep() const { return saw_too_deep_; }
    bool saw_too_many() const { return saw_too_many_; }

private:
    void take_message(boost::json::value message, const std::optional<AnswerKey>& key);

    std::int64_t awaited_id_;
    AnswerRecall recall_;
    KnownAnswer known_;
    std::optional<AnswerKey> response_key_;
    std::optional<boost::json::object> response_;
    std::vector<boost::json::object> server_requests_;
    std::size_t server_requests_seen_ = 0;
    bool saw_invalid_ = false;
    bool saw_other_id_ = false;
    bool saw_batch_ = false;
    bool saw_too_deep_ = false;
    bool saw_too_many_ = false;
};

}  // namespace quorate

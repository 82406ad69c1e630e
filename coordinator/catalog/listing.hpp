#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include <pqxx/pqxx>

/// What the questions of operators have in common.
namespace quorate::coordinator {

/// The question cannot be understood; `what()` says why.
class BadRequest : public std::runtime_error {
public:
    /// @param field of the request, such as `page_token`; empty: it is about the request as a whole
    explicit BadRequest(const std::string& why, std::string field = {})
        : std::runtime_error{why}, field_{std::move(field)} {}
    const std::string& field() const { return field_; }

private:
    std::string field_;
};

/// What is asked for does not exist; `what()` names it.
class NotFound : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// An ENDPOINT argument: `name` (tenant `default`) or `tenant/name`.
struct EndpointName {
    std::string tenant;
    std::string name;
};
/// Throws BadRequest if `text` is none.
EndpointName parse_endpoint_name(const std::string& text);

/// Which endpoints are asked for; empty texts: all. Throws BadRequest where the endpoint is of
/// another tenant.
EndpointName filter_of(const std::string& tenant, const std::string& endpoint);

/// Behind which endpoint a page begins; empty texts: it is the first. Throws BadRequest if the
/// token is none.
EndpointName page_after(const std::string& token);

/// Below which id a page begins that goes from the newest back; nothing of a token: it is the
/// first. Throws BadRequest if the token is none.
std::int64_t id_after(const std::string& token);

inline std::uint32_t page_size(std::uint32_t asked, std::uint32_t otherwise, std::uint32_t most) {
    return asked == 0 ? otherwise : std::min(asked, most);
}

/// The field as text; null is empty.
inline std::string text_of(const pqxx::field& field) {
    return field.is_null() ? "" : field.as<std::string>();
}

}  // namespace quorate::coordinator

#include "core/model/headers.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"

namespace quorate {
namespace {

constexpr std::array<std::string_view, 16> kReserved{"accept",
                                                     "accept-encoding",
                                                     "connection",
                                                     "content-length",
                                                     "content-type",
                                                     "expect",
                                                     "host",
                                                     "last-event-id",
                                                     "mcp-method",
                                                     "mcp-name",
                                                     "mcp-protocol-version",
                                                     "mcp-session-id",
                                                     "te",
                                                     "trailer",
                                                     "transfer-encoding",
                                                     "upgrade"};
constexpr std::array<std::string_view, 4> kCredentials{
    "authorization", "cookie", "proxy-authorization", "x-api-key"};

template <class Names>
bool holds(const Names& names, std::string_view name) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) {
        return equal_ignoring_case(known, name);
    });
}

}  // namespace

bool is_reserved_header(std::string_view name) {
    return holds(kReserved, name);
}

bool is_credential_header(std::string_view name) {
    return holds(kCredentials, name);
}

}  // namespace quorate

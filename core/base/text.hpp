#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quorate {

/// Makes text of a peer fit for logs, terminals and pages: control characters (escape sequences
/// too), bidirectional overrides and bytes that are not UTF-8 become `?`; runs of white space
/// become one space; at most `bytes_max` bytes, cut between characters and marked with `…`.
std::string safe_text(std::string_view hostile, std::size_t bytes_max);

/// Whether `text` may be shown as it is: UTF-8 of one line, without control characters and
/// bidirectional overrides.
bool is_safe_text(std::string_view text);

/// `text` with `?` in place of each character and byte that may not be shown; its spaces stay.
std::string shown_text(std::string_view text);

/// ASCII lower case; other bytes stay.
std::string to_lower(std::string_view text);

/// Compares ASCII letters regardless of case.
bool equal_ignoring_case(std::string_view left, std::string_view right);

/// Whether `name` is a token of RFC 9110 section 5.6.2, and so can name a header.
bool is_http_token(std::string_view name);

/// Whether `value` can stand as a header's value: visible ASCII, spaces, tabs, bytes above 0x7F.
bool is_header_value(std::string_view value);

/// Base64 of RFC 4648 section 4, with padding.
std::string to_base64(std::string_view bytes);

}  // namespace quorate

#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

#include "core/base/sha256.hpp"
#include "core/model/failure.hpp"
#include "core/model/warning.hpp"
#include "probe/json_weight.hpp"

namespace quorate {

/// Puts the pages of `tools/list` together and checks them (probe page, section 7). Pure.
class ToolList {
public:
    static constexpr std::size_t kPagesMax = 50;
    static constexpr std::size_t kToolsMax = 5000;
    static constexpr std::size_t kCursorBytesMax = 64U << 10U;

    /// @param modern  rules of 2026-07-28: an empty cursor is one; `x-mcp-header` is checked
    explicit ToolList(bool modern) : modern_{modern} {}

    /// Takes the result of one page.
    /// @return the cursor of the next page, nothing after the last; or `protocol_invalid_result` or
    ///     `pagination_invalid`; or `response_too_large` where all pages together weigh too much,
    ///     or the cursor alone does
    Result<std::optional<std::string>> take_page(const boost::json::object& result);

    std::size_t pages() const { return pages_; }
    const std::vector<boost::json::object>& tools() const { return tools_; }
    std::vector<boost::json::object> take_tools() { return std::move(tools_); }
    Warnings warnings() const { return warnings_; }

private:
    Result<void> take_tool(const boost::json::value& tool);

    bool modern_;
    std::size_t pages_ = 0;
    std::vector<boost::json::object> tools_;
    std::set<std::string, std::less<>> names_;
    std::set<Sha256> cursors_;  ///< of each its digest: they may be long, and many
    JsonWeight weight_;
    Warnings warnings_;
};

/// A property of a tool's arguments that a modern client repeats in a header.
struct HeaderParameter {
    std::vector<std::string> path;  ///< names of members, from the arguments down
    std::string header;             ///< what goes behind `Mcp-Param-`
};

/// The `x-mcp-header` properties of a tool; nothing where one is not valid (the tool is then to be
/// left out).
std::optional<std::vector<HeaderParameter>> header_parameters(const boost::json::object& tool);

/// A value as `Mcp-Name` and `Mcp-Param-…` carry it: plain, or base64 in a sentinel.
std::string header_form(std::string_view value);

}  // namespace quorate

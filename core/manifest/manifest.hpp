#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace quorate {

// What counts of a tool: `name`, `annotations`, `inputSchema` and `outputSchema` are its contract,
// `title` and `description` texts about it. Inside schemas `title`, `description`, `examples` and
// `$comment` are texts too, unless they name properties or stand in data (`enum`, `const`,
// `default`). Everything else, such as `icons` and `_meta`, is in neither digest.

/// The digests of one tool, each 64 hexadecimal digits of SHA-256 over canonical JSON.
struct ToolDigest {
    std::string name;
    std::string semantic;  ///< over the contract
    std::string full;      ///< over contract and texts
};
ToolDigest digest_of(const boost::json::object& tool);

/// The digests of a whole list, whatever order it came in; 64 hexadecimal digits each, of SHA-256
/// over the canonical JSON array of the tools, sorted by name by UTF-16 code units.
struct ManifestHashes {
    std::string semantic;  ///< over the contracts
    std::string full;      ///< over contracts and texts
};
/// One pass over each tool. Names are unique, which ToolList sees to; of tools that share one the
/// order counts.
ManifestHashes manifest_hashes(const std::vector<boost::json::object>& tools);

/// The text whose SHA-256 is ManifestHashes::full: what counts of the tools, and nothing else.
std::string manifest_text(const std::vector<boost::json::object>& tools);

/// The canonical JSON of what counts of a tool, with its texts or without them.
std::string full_text(const boost::json::object& tool);
std::string contract_text(const boost::json::object& tool);
/// The same for a schema alone.
std::string contract_text_of_schema(const boost::json::value& schema);

/// Whether a keyword of a schema holds a text for people.
bool is_text_keyword(std::string_view keyword);

}  // namespace quorate

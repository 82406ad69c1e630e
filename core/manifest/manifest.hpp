#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

namespace quorate {

/// What one tool promises, and what it says about itself. `_meta` and `icons` are in neither.
struct ToolDigest {
    std::string name;
    std::string contract;  ///< of name, inputSchema, outputSchema, annotations, without texts
    std::string text;      ///< of title, description and the schemas with their texts
};

/// The digests of one tool, each 64 hexadecimal digits of SHA-256 over canonical JSON. Inside
/// schemas `title`, `description`, `examples` and `$comment` are texts, unless they name
/// properties.
ToolDigest digest_of(const boost::json::object& tool);

/// The digests of a whole list, whatever order it came in; 64 hexadecimal digits each.
struct ManifestHashes {
    std::string semantic;  ///< over the contracts
    std::string full;      ///< over contracts and texts
};
ManifestHashes manifest_hashes(const std::vector<boost::json::object>& tools);

}  // namespace quorate

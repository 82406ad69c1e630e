#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "core/model/protocol.hpp"
#include "probe/request.hpp"

namespace quorate::cli {

/// A tool list on disk (docs/manifest-file.md): what `--write-manifest` writes and `--manifest`
/// compares with. It holds for one era, one set of declared capabilities (none) and one kind of
/// credential.
struct ManifestFile {
    std::string url;  ///< for people; without its query
    Era era = Era::modern;
    std::vector<std::string> credential;  ///< lower-case names of the headers that carry it, sorted
    std::vector<boost::json::object> tools;  ///< what counts of each, sorted by name
};

/// The credential headers of a request, as a manifest names them.
std::vector<std::string> credential_of(const ProbeRequest& request);

/// The manifest of a list that a probe with `request` got.
ManifestFile manifest_of(const ProbeRequest& request,
                         Era era,
                         const std::vector<boost::json::object>& tools);

/// The text of the file: the same for the same list, one member a line.
std::string to_text(const ManifestFile& manifest);

/// Reads what to_text() wrote. Throws std::runtime_error with one sentence that says what is wrong:
/// no JSON, another version, a member missing or of the wrong type, hashes that are not those of
/// the tools.
ManifestFile parse_manifest(std::string_view text);

/// The file at `path`, fit to be compared with what `request` gets. Throws CLI::ValidationError
/// where it can't be read or parsed, or is of another era than the request forces or of another
/// credential.
ManifestFile read_manifest(const std::string& path, const ProbeRequest& request);

}  // namespace quorate::cli

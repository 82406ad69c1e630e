#pragma once

#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include <sys/types.h>

namespace quorate {

/// A Node program of a folder of tests/support, from its ready line to the end of this object.
/// Throws std::runtime_error where it does not get ready (run `npm ci` in that folder).
class NodeServer {
public:
    explicit NodeServer(std::vector<std::string> arguments, const std::string& folder = "lab");
    NodeServer(const NodeServer&) = delete;
    NodeServer& operator=(const NodeServer&) = delete;
    ~NodeServer();

    /// A member of the ready line.
    std::string fact(const char* name) const;

private:
    pid_t pid_ = -1;
    int input_ = -1;
    int output_ = -1;
    boost::json::object ready_;
};

/// The names of the tools that the official client of the SDK gets from `url`, sorted.
/// @param transport  "http" or "sse"
std::vector<std::string> tools_by_official_client(const std::string& url,
                                                  const std::string& transport);

/// Runs a program in a folder of tests/support to its end and gives its standard output.
std::string output_of(const std::vector<std::string>& arguments, const std::string& folder = "lab");

}  // namespace quorate

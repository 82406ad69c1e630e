#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

/// The fuzz targets: each takes any bytes and checks what must hold of the code under them.
/// libFuzzer drives them in the preset `fuzz`; in the unit suite they replay their corpus.
namespace quorate::fuzz {

/// Thrown where an invariant does not hold; the message says which.
class InvariantBroken : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// Throws InvariantBroken unless `holds`.
inline void require(bool holds, std::string_view what) {
    if (!holds) throw InvariantBroken{std::string{what}};
}

void fuzz_sse(std::string_view input);
void fuzz_http(std::string_view input);
void fuzz_jsonrpc(std::string_view input);
void fuzz_www_authenticate(std::string_view input);
void fuzz_url(std::string_view input);
void fuzz_guard(std::string_view input);
void fuzz_manifest(std::string_view input);
void fuzz_dns(std::string_view input);
void fuzz_manifest_file(std::string_view input);
void fuzz_cell(std::string_view input);
void fuzz_job(std::string_view input);
void fuzz_endpoint_file(std::string_view input);
void fuzz_config(std::string_view input);
void fuzz_auth_metadata(std::string_view input);

struct Target {
    std::string_view name;  ///< also of its folder below `corpus`
    void (*run)(std::string_view input);
};

inline constexpr std::array kTargets{Target{"sse", fuzz_sse},
                                     Target{"http", fuzz_http},
                                     Target{"jsonrpc", fuzz_jsonrpc},
                                     Target{"www_authenticate", fuzz_www_authenticate},
                                     Target{"url", fuzz_url},
                                     Target{"guard", fuzz_guard},
                                     Target{"manifest", fuzz_manifest},
                                     Target{"dns", fuzz_dns},
                                     Target{"manifest_file", fuzz_manifest_file},
                                     Target{"cell", fuzz_cell},
                                     Target{"job", fuzz_job},
                                     Target{"endpoint_file", fuzz_endpoint_file},
                                     Target{"config", fuzz_config},
                                     Target{"auth_metadata", fuzz_auth_metadata}};

}  // namespace quorate::fuzz

#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace quorate {

/// One thing wrong in a YAML file.
struct ConfigError {
    std::string file;
    int line = 0;     // from 1; 0 if the file as a whole is meant
    std::string key;  // dotted path, `endpoints[2].url`; empty if the file as a whole is meant
    std::string message;
    friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

using ConfigErrors = std::vector<ConfigError>;

/// One line per error, ordered by line: `agent.yaml:3: health.port: must be 0 to 65535, is 70000`.
std::string format_errors(const ConfigErrors& errors);

/// A file was refused; carries every error at once, and `what()` is their `format_errors`.
class InvalidConfig : public std::runtime_error {
public:
    explicit InvalidConfig(ConfigErrors errors);
    const ConfigErrors& errors() const { return errors_; }

private:
    ConfigErrors errors_;
};

}  // namespace quorate

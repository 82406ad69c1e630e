#pragma once

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/time/time.hpp"
#include "platform/crypto/secret_bytes.hpp"

namespace quorate::coordinator {

/// Secrets can't be encrypted or read now; `what()` says why and what to do, and holds none.
class SecretsLocked : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Where the wrapping key is: one of the three, or none. Beside a command the others unwrap what
/// they wrapped before.
struct WrappingSource {
    std::filesystem::path file;
    std::string env;                   ///< name of a variable
    std::vector<std::string> command;  ///< an absolute path and its arguments

    bool set() const { return !file.empty() || !env.empty() || !command.empty(); }
};

/// A data key as Postgres has it.
struct WrappedKey {
    std::string bytes;
    std::string wrapping_key;  ///< id of the one that wrapped it
    friend bool operator==(const WrappedKey&, const WrappedKey&) = default;
};

/// Wraps data keys of tenants, and unwraps them. From a file or the environment it takes a key of
/// 64 hexadecimal digits a line: the first wraps, all unwrap; they are read anew each time and kept
/// nowhere. A command is run as `COMMAND… wrap TENANT` or `COMMAND… unwrap TENANT`, with a line in
/// (the data key in hexadecimal, or what wrap printed) and a line out: so a key management service
/// fits. Its own key may change as it likes, as long as it unwraps what it wrapped.
///
/// All members block, the command for kCommandMax at most, and throw SecretsLocked.
class WrappingKey {
public:
    static constexpr std::size_t kWrappedMax = 8192;  ///< bytes of a command's answer
    static constexpr std::chrono::seconds kCommandMax{10};

    explicit WrappingKey(WrappingSource source) : source_{std::move(source)} {}

    bool set() const { return source_.set(); }
    /// Whether the keys can be read; of a command nothing is known until it is used.
    void check() const;
    /// The id of the key that wraps; `command` where one does.
    std::string current() const;
    WrappedKey wrap(const SecretBytes& data_key, const std::string& tenant) const;
    SecretBytes unwrap(const WrappedKey& wrapped, const std::string& tenant) const;

private:
    struct RingKey {
        std::string id;
        SecretBytes key;
    };
    std::vector<RingKey> ring() const;

    WrappingSource source_;
};

/// Runs a program with `input` on its stdin. @return what it wrote to stdout, without the line's
/// end. Throws SecretsLocked where it can't be run, fails, says nothing or has not ended in time;
/// then it is killed. Blocks.
SecretBytes run_key_command(const std::vector<std::string>& command,
                            const SecretBytes& input,
                            milliseconds time_max = WrappingKey::kCommandMax);

}  // namespace quorate::coordinator

#include "coordinator/secrets/wrapping_key.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/base/sha256.hpp"
#include "platform/crypto/aead.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::string_view kCommandId = "command";
constexpr std::size_t kKeysMax = 16;
constexpr std::size_t kFileMax = 64U << 10U;
constexpr std::string_view kHowTo = ": openssl rand -hex 32 makes one";

/// What a wrapped data key is bound to.
std::string purpose(const std::string& tenant) {
    return "quorate data key\n" + tenant;
}

/// Of a random key of 256 bits a hash gives nothing away.
std::string id_of(const SecretBytes& key) {
    Sha256Stream stream;
    stream.update("quorate wrapping key\n");
    stream.update(key.view());
    return to_hex(stream.finish()).substr(0, 16);
}

SecretBytes read_key_file(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) throw SecretsLocked{"can't read secrets.key_file " + file.string()};
    std::error_code error;
    const auto mode = std::filesystem::status(file, error).permissions();
    using std::filesystem::perms;
    if (!error && (mode & perms::others_all) != perms::none)
        throw SecretsLocked{"secrets.key_file is open to everybody: chmod o= " + file.string()};
    auto text = SecretBytes::zeros(kFileMax);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.shorten(static_cast<std::size_t>(in.gcount()));
    return text;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const auto begin = std::min(text.find_first_not_of(kBlank), text.size());
    const auto end = text.find_last_not_of(kBlank);
    return text.substr(begin, end == text.npos ? 0 : end + 1 - begin);
}

}  // namespace

std::vector<WrappingKey::RingKey> WrappingKey::ring() const {
    SecretBytes text;
    std::string where = "secrets.key_file " + source_.file.string();
    if (!source_.file.empty()) {
        text = read_key_file(source_.file);
    } else {
        where = "the variable " + source_.env + " of secrets.key_env";
        const char* value = std::getenv(source_.env.c_str());
        if (value == nullptr) throw SecretsLocked{where + " is not set"};
        text = SecretBytes{value};
    }
    std::vector<RingKey> keys;
    int line_number = 0;
    for (auto rest = text.view(); !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        const auto line = trimmed(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
        ++line_number;
        if (line.empty() || line.starts_with('#')) continue;
        SecretBytes key;
        // What stands there may be a key with a slip in it: it is not repeated.
        if (line.size() != 2 * kAeadKeySize || !from_hex_text(line, key))
            throw SecretsLocked{where + ", line " + std::to_string(line_number) +
                                ": a wrapping key is 64 hexadecimal digits" + std::string{kHowTo}};
        auto id = id_of(key);
        keys.push_back({std::move(id), std::move(key)});
    }
    if (keys.empty()) throw SecretsLocked{where + " has no wrapping key" + std::string{kHowTo}};
    if (keys.size() > kKeysMax)
        throw SecretsLocked{where + " has more than " + std::to_string(kKeysMax) + " keys"};
    return keys;
}

void WrappingKey::check() const {
    if (!source_.file.empty() || !source_.env.empty()) ring();
}

std::string WrappingKey::current() const {
    if (!set())
        throw SecretsLocked{
            "this coordinator has no wrapping key: set secrets.key_file, secrets.key_env or "
            "secrets.key_command in its config"};
    return source_.command.empty() ? ring().front().id : std::string{kCommandId};
}

WrappedKey WrappingKey::wrap(const SecretBytes& data_key, const std::string& tenant) const {
    const auto id = current();
    if (source_.command.empty()) {
        const auto keys = ring();
        return {aead_seal(keys.front().key, data_key.view(), purpose(tenant)), keys.front().id};
    }
    auto command = source_.command;
    command.insert(command.end(), {"wrap", tenant});
    auto line = to_hex_text(data_key.view()) + "\n";
    const SecretBytes input{line};
    wipe(line);
    const auto answer = run_key_command(command, input);
    return {std::string{answer.view()}, id};
}

SecretBytes WrappingKey::unwrap(const WrappedKey& wrapped, const std::string& tenant) const {
    const auto id = current();
    const bool has_ring = !source_.file.empty() || !source_.env.empty();
    if (!source_.command.empty() && (wrapped.wrapping_key == kCommandId || !has_ring)) {
        if (wrapped.wrapping_key != kCommandId)
            throw SecretsLocked{"the data key of tenant " + tenant + " was wrapped by the key " +
                                wrapped.wrapping_key + ", not by secrets.key_command"};
        auto command = source_.command;
        command.insert(command.end(), {"unwrap", tenant});
        const auto answer = run_key_command(command, SecretBytes{wrapped.bytes + "\n"});
        SecretBytes key;
        if (answer.size() != 2 * kAeadKeySize || !from_hex_text(answer.view(), key))
            throw SecretsLocked{"secrets.key_command unwrap did not print 64 hexadecimal digits"};
        return key;
    }
    for (const auto& each : ring()) {
        if (each.id != wrapped.wrapping_key) continue;
        auto key = aead_open(each.key, wrapped.bytes, purpose(tenant));
        if (!key)
            throw SecretsLocked{"the data key of tenant " + tenant +
                                " is damaged: the wrapping "
                                "key " +
                                each.id + " does not open it"};
        return *std::move(key);
    }
    throw SecretsLocked{"the data key of tenant " + tenant + " was wrapped by the key " +
                        wrapped.wrapping_key +
                        ", which this coordinator does not have (its first "
                        "is " +
                        id + ")"};
}

}  // namespace quorate::coordinator

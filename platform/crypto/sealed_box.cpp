#include "platform/crypto/sealed_box.hpp"

#include <fstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "core/base/sha256.hpp"
#include "platform/crypto/aead.hpp"

namespace quorate {
namespace {

template <class T, void (*free)(T*)>
struct Free {
    void operator()(T* handle) const noexcept { free(handle); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using Kdf = std::unique_ptr<EVP_KDF, Free<EVP_KDF, EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX, EVP_KDF_CTX_free>>;
struct FreeBio {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

constexpr char kVersion = 1;
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kHeadSize = 1 + kIdSize + BoxPublicKey::kSize;
constexpr std::string_view kPurpose = "quorate sealed credential 1";
constexpr std::size_t kFileMax = 16U << 10U;

unsigned char* bytes_of(char* text) {
    return reinterpret_cast<unsigned char*>(text);
}
const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

void require(bool done) {
    if (!done) throw std::runtime_error{"X25519 of OpenSSL failed"};
}

std::string raw_public(const EVP_PKEY* key) {
    std::string bytes(BoxPublicKey::kSize, '\0');
    auto size = bytes.size();
    require(EVP_PKEY_get_raw_public_key(key, bytes_of(bytes.data()), &size) == 1 &&
            size == bytes.size());
    return bytes;
}

Pkey made_key() {
    const PkeyContext context{EVP_PKEY_CTX_new_id(EVP_PKEY_X25519, nullptr)};
    EVP_PKEY* made = nullptr;
    require(context != nullptr && EVP_PKEY_keygen_init(context.get()) == 1 &&
            EVP_PKEY_keygen(context.get(), &made) == 1);
    return Pkey{made};
}

/// What both keys agree on. Nothing where the other one is of no use (RFC 7748, section 6.1).
std::optional<SecretBytes> agreed(EVP_PKEY* own, std::string_view other) {
    const Pkey peer{
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(other), other.size())};
    const PkeyContext context{EVP_PKEY_CTX_new(own, nullptr)};
    require(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
    if (!peer || EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1) return std::nullopt;
    auto secret = SecretBytes::zeros(BoxPublicKey::kSize);
    auto size = secret.size();
    if (EVP_PKEY_derive(context.get(), bytes_of(secret.data()), &size) != 1) return std::nullopt;
    return secret;
}

/// Key and nonce of one box.
SecretBytes box_keys(const SecretBytes& secret, std::string_view made, std::string_view to) {
    auto salt = std::string{made} + std::string{to};
    std::string info{kPurpose};
    std::string digest{"SHA256"};
    const Kdf kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
    const KdfContext context{EVP_KDF_CTX_new(kdf.get())};
    auto ikm = SecretBytes{secret.view()};
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm.data(), ikm.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
        OSSL_PARAM_construct_end()};
    auto keys = SecretBytes::zeros(kAeadKeySize + kAeadNonceSize);
    require(context != nullptr &&
            EVP_KDF_derive(context.get(), bytes_of(keys.data()), keys.size(), parameters) == 1);
    return keys;
}

/// The head is bound too.
std::string bound_with(std::string_view head, std::string_view bound) {
    return std::string{head} + std::string{bound};
}

Bio bio_of(std::string_view text) {
    return Bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

SecretBytes read_file(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) throw std::runtime_error{"can't read the key " + file.string()};
    auto text = SecretBytes::zeros(kFileMax);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.shorten(static_cast<std::size_t>(in.gcount()));
    return text;
}

}  // namespace

struct BoxPrivateKey::Key {
    Pkey pkey;
};

BoxPublicKey::BoxPublicKey(std::string bytes)
    : bytes_{std::move(bytes)}, id_{to_hex(sha256(bytes_)).substr(0, 2 * kIdSize)} {}

std::optional<BoxPublicKey> BoxPublicKey::from_bytes(std::string_view bytes) {
    if (bytes.size() != kSize) return std::nullopt;
    return BoxPublicKey{std::string{bytes}};
}

std::optional<BoxPublicKey> BoxPublicKey::from_pem(std::string_view pem) {
    const auto bio = bio_of(pem);
    const Pkey key{PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)};
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_X25519) return std::nullopt;
    auto bytes = raw_public(key.get());
    // Of small order: whatever key it meets, they agree on zeros.
    if (!agreed(made_key().get(), bytes)) return std::nullopt;
    return from_bytes(bytes);
}

BoxPrivateKey::BoxPrivateKey(std::shared_ptr<const Key> key)
    : key_{std::move(key)}, public_key_{*BoxPublicKey::from_bytes(raw_public(key_->pkey.get()))} {}

BoxPrivateKey BoxPrivateKey::from_file(const std::filesystem::path& file) {
    using std::filesystem::perms;
    const auto text = read_file(file);
    std::error_code error;
    const auto mode = std::filesystem::status(file, error).permissions();
    if (!error && (mode & perms::others_all) != perms::none)
        throw std::runtime_error{"the key " + file.string() +
                                 " is open to everybody: chmod o= " + file.string()};
    const auto bio = bio_of(text.view());
    // Never asks for a passphrase on a terminal.
    Pkey key{PEM_read_bio_PrivateKey(
        bio.get(), nullptr, [](char*, int, int, void*) { return 0; }, nullptr)};
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_X25519)
        throw std::runtime_error{"there is no X25519 private key in " + file.string() +
                                 ": make one by openssl genpkey -algorithm X25519"};
    return BoxPrivateKey{std::make_shared<const Key>(Key{std::move(key)})};
}

BoxPrivateKey BoxPrivateKey::made() {
    return BoxPrivateKey{std::make_shared<const Key>(Key{made_key()})};
}

std::string seal_box(const BoxPublicKey& to, std::string_view plain, std::string_view bound) {
    const auto once = made_key();
    const auto made = raw_public(once.get());
    const auto secret = agreed(once.get(), to.bytes());
    if (!secret) throw std::runtime_error{"the key " + to.id() + " is of no use"};
    const auto keys = box_keys(*secret, made, to.bytes());
    const auto id = sha256(to.bytes());
    std::string box{kVersion};
    box.append(reinterpret_cast<const char*>(id.data()), kIdSize).append(made);
    box += detail::gcm_seal(keys.view().substr(0, kAeadKeySize),
                            keys.view().substr(kAeadKeySize),
                            plain,
                            bound_with(box, bound));
    return box;
}

std::string box_key_id(std::string_view box) {
    if (box.size() < kHeadSize + kAeadTagSize || box.front() != kVersion) return {};
    return to_hex_text(box.substr(1, kIdSize));
}

std::optional<SecretBytes> open_box(const BoxPrivateKey& key,
                                    std::string_view box,
                                    std::string_view bound) {
    if (box_key_id(box) != key.public_key().id()) return std::nullopt;
    const auto made = box.substr(1 + kIdSize, BoxPublicKey::kSize);
    const auto secret = agreed(key.key_->pkey.get(), made);
    if (!secret) return std::nullopt;
    const auto keys = box_keys(*secret, made, key.public_key().bytes());
    return detail::gcm_open(keys.view().substr(0, kAeadKeySize),
                            keys.view().substr(kAeadKeySize),
                            box.substr(kHeadSize),
                            bound_with(box.substr(0, kHeadSize), bound));
}

}  // namespace quorate

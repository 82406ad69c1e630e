#include <cstdlib>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/crypto/aead.hpp"
#include "platform/crypto/core_dumps.hpp"
#include "platform/crypto/sealed_box.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

std::string text(const std::optional<SecretBytes>& bytes) {
    return bytes ? std::string{bytes->view()} : "(nothing)";
}

TEST(Aead, SealsAsThePublishedExamplesOfGcmDo) {  // GCM specification, test cases 13 and 14
    const std::string key(32, '\0');
    const std::string nonce(12, '\0');
    EXPECT_EQ(to_hex_text(detail::gcm_seal(key, nonce, "", "")),
              "530f8afbc74536b9a963b4f1c4cb738b");
    EXPECT_EQ(to_hex_text(detail::gcm_seal(key, nonce, std::string(16, '\0'), "")),
              "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Aead, OpensWithTheSameKeyForTheSamePurposeAlone) {
    const auto key = random_bytes(kAeadKeySize);
    const auto sealed = aead_seal(key, "s3cret", "acme/token");
    EXPECT_EQ(text(aead_open(key, sealed, "acme/token")), "s3cret");
    EXPECT_FALSE(aead_open(key, sealed, "acme/other"));
    EXPECT_FALSE(aead_open(random_bytes(kAeadKeySize), sealed, "acme/token"));
    EXPECT_FALSE(aead_open(key, sealed.substr(0, 20), "acme/token"));
    EXPECT_FALSE(aead_open(key, "", ""));
    for (std::size_t at = 0; at < sealed.size(); ++at) {
        auto changed = sealed;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_FALSE(aead_open(key, changed, "acme/token")) << at;
    }
    EXPECT_EQ(text(aead_open(key, aead_seal(key, "", ""), "")), "");
    EXPECT_THAT(sealed, Not(HasSubstr("s3cret")));
}

TEST(Aead, NeverSealsTheSameTextAlike) {
    const auto key = random_bytes(kAeadKeySize);
    EXPECT_NE(aead_seal(key, "s3cret", ""), aead_seal(key, "s3cret", ""));
}

TEST(SecretBytes, WipesWhatItNoLongerHolds) {
    SecretBytes bytes{"s3cret-and-more"};
    const char* const at = bytes.data();
    bytes.shorten(6);
    EXPECT_EQ(bytes.view(), "s3cret");
    EXPECT_EQ(std::string(at + 6, 9), std::string(9, '\0'));
    auto moved = std::move(bytes);
    EXPECT_EQ(moved.data(), at) << "no copy is left behind";
    std::string plain = "a text that is longer than the small ones";
    const auto view = std::string_view{plain.data(), plain.size()};
    wipe(plain);
    EXPECT_TRUE(plain.empty());
    EXPECT_EQ(view.substr(1), std::string(view.size() - 1, '\0'));
}

TEST(SecretBytes, ReadsHexadecimalInEitherCaseAndNothingElse) {
    SecretBytes bytes;
    ASSERT_TRUE(from_hex_text("00fFA5", bytes));
    EXPECT_EQ(to_hex_text(bytes.view()), "00ffa5");
    EXPECT_FALSE(from_hex_text("0", bytes));
    EXPECT_FALSE(from_hex_text("0g", bytes));
}

TEST(SealedBox, OpensForTheOneItIsForAndForNothingElse) {
    const auto key = BoxPrivateKey::made();
    const auto box = seal_box(key.public_key(), "s3cret", "url");
    EXPECT_EQ(text(open_box(key, box, "url")), "s3cret");
    EXPECT_EQ(box_key_id(box), key.public_key().id());
    EXPECT_FALSE(open_box(key, box, "another url"));
    EXPECT_FALSE(open_box(BoxPrivateKey::made(), box, "url"));
    for (std::size_t at = 0; at < box.size(); ++at) {
        auto changed = box;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        EXPECT_FALSE(open_box(key, changed, "url")) << at;
    }
    for (std::size_t size = 0; size < box.size(); ++size)
        EXPECT_FALSE(open_box(key, box.substr(0, size), "url")) << size;
    EXPECT_NE(seal_box(key.public_key(), "s3cret", "url"), box);
    EXPECT_THAT(box, Not(HasSubstr("s3cret")));
}

TEST(SealedBox, APublicKeyThatAgreesOnNothingIsRefused) {  // RFC 7748, section 6.1
    const auto zero = BoxPublicKey::from_bytes(std::string(32, '\0'));
    EXPECT_THAT([&] { seal_box(*zero, "s3cret", ""); },
                ThrowsMessage<std::runtime_error>(HasSubstr("of no use")));
    EXPECT_FALSE(BoxPublicKey::from_bytes("short"));
}

struct KeyFiles {
    TemporaryFolder folder;
    std::string file(const std::string& name) const { return folder.path() + "/" + name; }
    void run(const std::string& command) const {
        ASSERT_EQ(std::system((command + " 2>/dev/null").c_str()), 0) << command;
    }
};

TEST(SealedBox, TakesKeysThatOpensslWrites) {
    const KeyFiles files;
    files.run("openssl genpkey -algorithm X25519 -out " + files.file("key.pem"));
    files.run("openssl pkey -in " + files.file("key.pem") + " -pubout -out " +
              files.file("public.pem"));
    const auto key = BoxPrivateKey::from_file(files.file("key.pem"));
    std::string pem(4096, '\0');
    auto* in = std::fopen(files.file("public.pem").c_str(), "r");
    pem.resize(std::fread(pem.data(), 1, pem.size(), in));
    std::fclose(in);
    const auto public_key = BoxPublicKey::from_pem(pem);
    ASSERT_TRUE(public_key.has_value());
    EXPECT_EQ(*public_key, key.public_key());
    EXPECT_EQ(text(open_box(key, seal_box(*public_key, "s3cret", ""), "")), "s3cret");
}

TEST(SealedBox, RefusesFilesThatAreOfNoUseAndSaysWhich) {
    const KeyFiles files;
    const auto refused = [&](const std::string& name, const std::string& why) {
        EXPECT_THAT(
            [&] { BoxPrivateKey::from_file(files.file(name)); },
            ThrowsMessage<std::runtime_error>(AllOf(HasSubstr(why), HasSubstr(files.file(name)))));
    };
    refused("none.pem", "can't read the key");
    files.run("openssl genpkey -algorithm ED25519 -out " + files.file("other.pem"));
    refused("other.pem", "there is no X25519 private key");
    files.run("openssl genpkey -algorithm X25519 -aes256 -pass pass:x -out " +
              files.file("locked.pem"));
    refused("locked.pem", "there is no X25519 private key");
    files.run("openssl genpkey -algorithm X25519 -out " + files.file("open.pem"));
    std::filesystem::permissions(files.file("open.pem"), std::filesystem::perms{0644});
    refused("open.pem", "is open to everybody");
    EXPECT_FALSE(BoxPublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n"));
}

TEST(SealedBox, RefusesAPublicKeyThatAgreesWithAllOnTheSame) {
    EXPECT_FALSE(
        BoxPublicKey::from_pem("-----BEGIN PUBLIC KEY-----\n"
                               "MCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
                               "-----END PUBLIC KEY-----\n"));
}

/// How a child ends that aborts, with no limit on core dumps.
int status_of_crash(bool forbidden, const std::filesystem::path& folder) {
    const pid_t child = fork();
    if (child == 0) {
        std::filesystem::current_path(folder);
        rlimit all{};
        getrlimit(RLIMIT_CORE, &all);
        all.rlim_cur = all.rlim_max;
        setrlimit(RLIMIT_CORE, &all);
        if (forbidden) forbid_core_dumps();
        std::abort();
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

TEST(CoreDumps, OfAProcessThatForbidsThemThereIsNone) {
    const TemporaryFolder folder;
    const int usual = status_of_crash(false, folder.path());
    const int forbidden = status_of_crash(true, folder.path());
    EXPECT_TRUE(WIFSIGNALED(usual) && WIFSIGNALED(forbidden));
    EXPECT_FALSE(WCOREDUMP(forbidden));
    if (!WCOREDUMP(usual)) GTEST_SKIP() << "this machine dumps no cores at all";
}

}  // namespace
}  // namespace quorate

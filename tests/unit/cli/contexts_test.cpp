#include "cli/contexts.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "platform/config/config_error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::cli {
namespace {

std::string refusal(const std::string& text) {
    try {
        parse_contexts(text, "/etc/q/config.yaml");
    } catch (const InvalidConfig& error) {
        return error.what();
    }
    return "taken";
}

TEST(Contexts, AreReadWithFilesBesideTheirs) {
    const auto contexts = parse_contexts(
        "current: prod\n"
        "contexts:\n"
        "  prod: {server: 'h:1', tls: true, token_file: t/prod, tenant: acme, output: json}\n"
        "  lab:\n",
        "/etc/q/config.yaml");
    EXPECT_EQ(contexts.current, "prod");
    EXPECT_EQ(contexts.named.at("prod"),
              (Context{{"server", "h:1"},
                       {"tls", "true"},
                       {"token_file", "/etc/q/t/prod"},
                       {"tenant", "acme"},
                       {"output", "json"}}));
    EXPECT_TRUE(contexts.named.at("lab").empty());
    EXPECT_TRUE(parse_contexts("", "f").named.empty());
}

TEST(Contexts, AnErrorNamesFileLineAndKey) {
    const std::string at = "/etc/q/config.yaml:";
    EXPECT_EQ(refusal("contexts:\n  a:\n    srever: x\n"),
              at + "3: contexts.a.srever: unknown key; known are server, tls, tls_ca, tls_cert, "
                   "tls_key, tls_server_name, token_file, tenant, output");
    EXPECT_EQ(refusal("contexts:\n  a:\n    output: xml\n"),
              at + "3: contexts.a.output: must be table, json or yaml, is \"xml\"");
    EXPECT_EQ(refusal("contexts:\n  a:\n    tls: [1]\n"),
              at + "3: contexts.a.tls: must be text, is a list");
    EXPECT_EQ(refusal("current: b\ncontexts: {a: }\n"),
              at + "1: current: there is no context of that name");
    EXPECT_EQ(refusal("contexts: {coordinator: }\n"),
              at + "1: contexts.coordinator: this name is that of a daemon; give the context "
                   "another");
    EXPECT_EQ(refusal("- a\n"), at + "1: must be a map with current and contexts, is a list");
}

TEST(Contexts, ATokenInTheFileIsRefusedAndNotRepeated) {
    const auto why = refusal("contexts:\n  a:\n    token: s3cret\n");
    EXPECT_NE(why.find("3: contexts.a.token: no token is kept here"), std::string::npos) << why;
    EXPECT_EQ(why.find("s3cret"), std::string::npos) << why;
}

TEST(Contexts, AreWrittenForTheirOwnerAloneAndReadBack) {
    const TemporaryFolder folder;
    const auto file = (std::filesystem::path{folder.path()} / "below" / "config.yaml").string();
    Contexts contexts;
    contexts.current = "on";
    contexts.named["on"] = {{"server", "h:1"}, {"tls", "true"}, {"tls_ca", "/ca's \"x\".pem"}};
    contexts.named["lab.2"] = {};
    write_contexts(contexts, file);
    struct stat status {};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    ASSERT_EQ(::stat((std::filesystem::path{folder.path()} / "below").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    const auto read = read_contexts(file);
    EXPECT_EQ(read.current, "on");
    EXPECT_EQ(read.named, contexts.named);

    std::filesystem::permissions(file, std::filesystem::perms{0644});
    write_contexts(read, file);
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << "also where others could read it before";
    EXPECT_TRUE(
        read_contexts((std::filesystem::path{folder.path()} / "none").string()).named.empty());
}

TEST(Contexts, ALinkStaysALink) {
    const TemporaryFolder folder;
    const auto link = std::filesystem::path{folder.path()} / "config.yaml";
    std::ofstream{std::filesystem::path{folder.path()} / "dotfile"} << "";
    std::filesystem::create_symlink(std::filesystem::path{folder.path()} / "dotfile", link);
    Contexts contexts;
    contexts.named["a"] = {};
    write_contexts(contexts, link.string());
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_TRUE(read_contexts((std::filesystem::path{folder.path()} / "dotfile").string())
                    .named.contains("a"));
}

}  // namespace
}  // namespace quorate::cli

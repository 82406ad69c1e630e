#include "cli/verbs/probe_manifest.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "cli/atomic_file.hpp"
#include "core/base/json_text.hpp"
#include "core/manifest/manifest.hpp"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

std::vector<boost::json::object> sample_tools() {
    const auto parsed = parse_json(
        R"([{"name":"b","inputSchema":{"type":"object","properties":{"n":{"maximum":1e21}}},)"
        R"("icons":[1],"_meta":{}},)"
        R"({"title":"A","name":"a","inputSchema":{"type":"object","required":[]}}])");
    std::vector<boost::json::object> tools;
    for (const auto& tool : parsed.value().as_array())
        tools.push_back(tool.as_object());
    return tools;
}

ProbeRequest sample_request() {
    ProbeRequest request;
    request.url = "https://h/mcp?key=secret";
    request.headers = {{"X-API-Key", "abcdef"}, {"Accept-Language", "en"}};
    return request;
}

std::string sample_text() {
    return to_text(manifest_of(sample_request(), Era::legacy, sample_tools()));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return at == text.npos ? text : text.replace(at, from.size(), to);
}

/// A folder of its own for a test's files.
class ManifestFileTest : public testing::Test {
protected:
    ManifestFileTest() {
        std::string name = (fs::temp_directory_path() / "quorate-manifest-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~ManifestFileTest() override { fs::remove_all(folder); }

    std::string file(const std::string& text) const {
        const auto path = folder / "m.json";
        std::ofstream{path} << text;
        return path.string();
    }
    static std::string contents(const fs::path& path) {
        std::ifstream stream{path};
        return {std::istreambuf_iterator<char>{stream}, {}};
    }
    /// Why a file is refused.
    std::string refusal(const std::string& text, const ProbeRequest& request) const {
        try {
            read_manifest(file(text), request);
        } catch (const CLI::ValidationError& error) {
            return error.what();
        }
        return "taken";
    }

    fs::path folder;
};

TEST(ManifestFile, IsStableAndOneMemberALine) {
    const auto hashes = manifest_hashes(sample_tools());
    EXPECT_EQ(sample_text(),
              R"({
  "quorate_manifest": 1,
  "url": "https://h/mcp",
  "era": "legacy",
  "capabilities": {},
  "credential": [
    "x-api-key"
  ],
  "semantic_hash": "sha256:)" +
                  hashes.semantic +
                  R"(",
  "full_hash": "sha256:)" +
                  hashes.full +
                  R"(",
  "tools": [
    {
      "inputSchema": {
        "required": [],
        "type": "object"
      },
      "name": "a",
      "title": "A"
    },
    {
      "inputSchema": {
        "properties": {
          "n": {
            "maximum": 1e+21
          }
        },
        "type": "object"
      },
      "name": "b"
    }
  ]
}
)");
}

TEST(ManifestFile, ReadsBackWhatItWrote) {
    const auto manifest = parse_manifest(sample_text());
    EXPECT_EQ(manifest.era, Era::legacy);
    EXPECT_EQ(manifest.credential, std::vector<std::string>{"x-api-key"});
    EXPECT_EQ(manifest_hashes(manifest.tools).full, manifest_hashes(sample_tools()).full);
    EXPECT_EQ(to_text(manifest), sample_text());
}

TEST_F(ManifestFileTest, WhatIsGarbledIsRefusedWithTheReason) {
    const auto request = sample_request();
    const auto good = sample_text();
    EXPECT_EQ(refusal(good, request), "taken");
    const std::vector<std::pair<std::string, std::string>> bad{
        {"", "is not JSON"},
        {good.substr(0, good.size() / 2), "is not JSON"},
        {"[]", "is no manifest of quorate probe"},
        {"{}", "is no manifest of quorate probe"},
        {replaced(good, "\"quorate_manifest\": 1", "\"quorate_manifest\": 2"), "is of version 2"},
        {replaced(good, "\"era\": \"legacy\"", "\"era\": \"stone\""), "there is no era stone"},
        {replaced(good, "\"era\": \"legacy\",", ""), "it has no member era"},
        {replaced(good, "\"era\": \"legacy\"", "\"era\": 1"), "era is not a string"},
        {replaced(good, "\"capabilities\": {}", "\"capabilities\": {\"roots\": {}}"),
         "declares capabilities"},
        {replaced(good, "\"capabilities\": {}", "\"capabilities\": []"),
         "capabilities is not an object"},
        {replaced(good, "\"x-api-key\"", "1"), "credential is not a list of header names"},
        {replaced(good, "\"title\": \"A\"", "\"title\": \"B\""), "hashes are not those"},
        {replaced(good, "\"name\": \"a\"", "\"name\": 1"), "name is not a string"},
        {replaced(good, "\"name\": \"a\"", "\"name\": \"b\""), "it lists a tool twice"},
    };
    for (const auto& [text, why] : bad)
        EXPECT_NE(refusal(text, request).find(why), std::string::npos)
            << why << " / " << refusal(text, request);
}

TEST_F(ManifestFileTest, HoldsOnlyForItsEraAndCredential) {
    auto request = sample_request();
    request.era = EraMode::modern;
    EXPECT_NE(refusal(sample_text(), request).find("is of the legacy era, and --era says modern"),
              std::string::npos);
    request.era = EraMode::legacy;
    EXPECT_EQ(refusal(sample_text(), request), "taken");
    request.headers.clear();
    EXPECT_NE(refusal(sample_text(), request)
                  .find("credential headers x-api-key, and this probe sends none"),
              std::string::npos);
}

TEST_F(ManifestFileTest, AMissingFileOrAFolderCannotBeRead) {
    for (const auto& path : {folder / "none.json", folder}) {
        try {
            read_manifest(path.string(), sample_request());
            ADD_FAILURE() << path;
        } catch (const CLI::ValidationError& error) {
            EXPECT_NE(std::string{error.what()}.find("can't be read"), std::string::npos)
                << error.what();
        }
    }
}

TEST_F(ManifestFileTest, IsWrittenAsAWholeOrNotAtAll) {
    const auto path = file("before");
    {
        AtomicFile abandoned{path};
        EXPECT_EQ(contents(path), "before");
    }
    EXPECT_EQ(contents(path), "before");
    {
        AtomicFile written{path};
        written.commit("now");
    }
    EXPECT_EQ(contents(path), "now");
    EXPECT_EQ(std::distance(fs::directory_iterator{folder}, {}), 1) << "nothing is left behind";
}

TEST_F(ManifestFileTest, APlaceThatCannotBeWrittenIsRefusedAtOnce) {
    EXPECT_THROW(AtomicFile{(folder / "none" / "m.json").string()}, std::runtime_error);
    EXPECT_THROW(AtomicFile{folder.string()}, std::runtime_error);
}

}  // namespace
}  // namespace quorate::cli

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <gtest/gtest.h>

#include "tests/fuzz/pieces.hpp"
#include "tests/fuzz/targets.hpp"

namespace quorate::fuzz {
namespace {

namespace fs = std::filesystem;

fs::path corpus() {
    return fs::path{QUORATE_SOURCE_DIR} / "tests/fuzz/corpus";
}

std::string content_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

class FuzzCorpus : public testing::TestWithParam<Target> {};

TEST_P(FuzzCorpus, HoldsInEveryFile) {
    std::size_t files = 0;
    for (const auto& entry : fs::directory_iterator{corpus() / GetParam().name}) {
        const auto input = content_of(entry.path());
        EXPECT_NO_THROW(GetParam().run(input)) << entry.path();
        ++files;
    }
    EXPECT_GE(files, 5U) << "seeds are missing";
}

INSTANTIATE_TEST_SUITE_P(Targets,
                         FuzzCorpus,
                         testing::ValuesIn(kTargets),
                         [](const auto& instance) { return std::string{instance.param.name}; });

TEST(FuzzCorpusFolders, EachBelongsToATarget) {
    std::set<std::string> folders;
    for (const auto& entry : fs::directory_iterator{corpus()})
        folders.insert(entry.path().filename().string());
    std::set<std::string> names;
    for (const auto& target : kTargets)
        names.insert(std::string{target.name});
    EXPECT_EQ(folders, names);
}

TEST(FuzzCorpusFolders, StayWithin300FilesAndOneMebibyte) {
    std::size_t files = 0;
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator{corpus()}) {
        if (!entry.is_regular_file()) continue;
        ++files;
        bytes += entry.file_size();
    }
    EXPECT_LT(files, 300U);
    EXPECT_LT(bytes, 1U << 20U);
}

TEST(FuzzPieces, EverySplitGivesBackTheWholeInput) {
    const std::string input(200, 'x');
    for (unsigned split = 0; split < kSplitsMax; ++split) {
        std::string joined;
        for (const auto piece : pieces_of(input, split))
            joined.append(piece);
        EXPECT_EQ(joined, input);
    }
    EXPECT_EQ(pieces_of(input, 1).size(), input.size());
    EXPECT_GT(pieces_of(input, 3).size(), 1U);
}

TEST(FuzzTargets, ABrokenInvariantIsAnException) {
    EXPECT_THROW(require(false, "it does not hold"), InvariantBroken);
}

}  // namespace
}  // namespace quorate::fuzz

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

TEST(FuzzCorpusFolders, StayWithin500FilesAndOneMebibyte) {
    std::size_t files = 0;
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator{corpus()}) {
        if (!entry.is_regular_file()) continue;
        ++files;
        bytes += entry.file_size();
    }
    EXPECT_LT(files, 500U);
    EXPECT_LT(bytes, 1U << 20U);
}

/// How many pieces an input comes in; it must come whole.
std::size_t pieces(const std::string& input, Split split, unsigned salt = 0) {
    Arrival arrival{input, split, salt};
    std::string joined;
    std::size_t count = 0;
    for (; arrival.more(); ++count) {
        joined.append(arrival.here());
        arrival.take(arrival.here().size());
    }
    EXPECT_EQ(joined, input);
    EXPECT_EQ(arrival.taken(), input.size());
    return count;
}

TEST(FuzzPieces, EverySplitGivesTheWholeInput) {
    const std::string input(200, 'x');
    EXPECT_EQ(pieces(input, Split::at_once), 1U);
    EXPECT_EQ(pieces(input, Split::byte_by_byte), input.size());
    std::set<std::size_t> counts;
    for (unsigned salt = 0; salt < 20; ++salt)
        counts.insert(pieces(input, Split::by_its_bytes, salt));
    EXPECT_GT(*counts.begin(), 1U);
    EXPECT_GE(counts.size(), 4U) << "the pieces hardly differ";
    EXPECT_EQ(pieces("", Split::at_once), 0U);
}

TEST(FuzzPieces, WhatIsNotTakenComesAgain) {
    Arrival arrival{"abc", Split::byte_by_byte};
    ASSERT_TRUE(arrival.more() && arrival.more());
    EXPECT_EQ(arrival.here(), "ab");
    arrival.take(1);
    ASSERT_TRUE(arrival.more());
    EXPECT_EQ(arrival.here(), "bc");
    EXPECT_FALSE(arrival.more());
}

TEST(FuzzTargets, ABrokenInvariantIsAnException) {
    EXPECT_THROW(require(false, "it does not hold"), InvariantBroken);
}

}  // namespace
}  // namespace quorate::fuzz

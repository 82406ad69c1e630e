#include "region-agent/outbox/spool.hpp"

#include <algorithm>
#include <deque>
#include <fstream>
#include <memory>
#include <random>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include "region-agent/outbox/finished_job.hpp"
#include "tests/support/temporary_folder.hpp"

namespace quorate::agent {
namespace {

constexpr std::size_t kAll = 1'000'000;

class SpoolTest : public ::testing::Test {
protected:
    SpoolOptions options(std::uint64_t bytes_max = Spool::kBytesLeast) const {
        return {folder_, bytes_max};
    }
    std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::directory_iterator{folder_})
            if (entry.path().extension() == ".spool") files.push_back(entry.path());
        std::sort(files.begin(), files.end());
        return files;
    }
    const TemporaryFolder temporary_;
    const std::filesystem::path folder_{temporary_.path()};
};

/// Everything in it, oldest first; it is empty afterwards.
std::vector<std::string> take_all(Spool& spool, std::size_t at_a_time = 3) {
    std::vector<std::string> all;
    while (!spool.empty()) {
        const auto batch = spool.oldest(at_a_time);
        all.insert(all.end(), batch.records.begin(), batch.records.end());
        spool.forget(batch.end);
    }
    return all;
}

std::vector<std::string> numbered(std::size_t from, std::size_t until, std::size_t size = 10) {
    std::vector<std::string> records;
    for (auto i = from; i < until; ++i) {
        records.push_back(std::to_string(i) + ":");
        records.back().resize(std::max(size, records.back().size()), 'x');
    }
    return records;
}

TEST_F(SpoolTest, GivesBackWhatItTookInOrderAndLeavesNoFile) {
    Spool spool{options()};
    EXPECT_TRUE(spool.empty());
    auto expected = numbered(0, 10);
    expected.emplace_back();                     // an empty record
    expected.emplace_back("\0\xff\n\r any", 8);  // any bytes
    EXPECT_TRUE(spool.append(expected).empty());
    EXPECT_EQ(spool.records(), expected.size());
    EXPECT_EQ(take_all(spool), expected);
    EXPECT_TRUE(files().empty());
    EXPECT_TRUE(spool.append({"again"}).empty());
    EXPECT_EQ(take_all(spool), std::vector<std::string>{"again"});
}

TEST_F(SpoolTest, ALaterLifeFindsWhatWasLeftAndPerhapsMoreInOrder) {
    const auto records = numbered(0, 20);
    {
        Spool spool{options()};
        spool.append(records);
        const auto batch = spool.oldest(5);
        spool.forget(batch.end);
    }
    Spool spool{options()};
    spool.append(numbered(20, 25));
    // The file that the first five were forgotten of has others, so it is still there.
    EXPECT_EQ(take_all(spool), numbered(0, 25));
    EXPECT_EQ(spool.torn_files(), 0U);
}

TEST_F(SpoolTest, AboveItsBoundTheOldestGoAndAreNamed) {
    Spool spool{options()};
    std::vector<std::string> lost;
    std::size_t next = 0;
    for (int i = 0; i < 300; ++i) {  // 3 MB
        const auto gone = spool.append(numbered(next, next + 10, 1000));
        next += 10;
        lost.insert(lost.end(), gone.begin(), gone.end());
        ASSERT_LE(spool.bytes(), Spool::kBytesLeast);
    }
    EXPECT_GT(lost.size(), 1500U);
    EXPECT_EQ(lost, numbered(0, lost.size(), 1000));
    EXPECT_EQ(take_all(spool, 100), numbered(lost.size(), next, 1000));
}

TEST_F(SpoolTest, WhatGoesWhileABatchIsUnderWayIsForgottenOnce) {
    Spool spool{options()};
    spool.append(numbered(0, 100, 1000));
    const auto batch = spool.oldest(50);
    std::size_t next = 100;
    std::size_t lost = 0;
    while (lost == 0) {
        lost = spool.append(numbered(next, next + 10, 1000)).size();
        next += 10;
    }
    spool.forget(batch.end);
    const auto left = take_all(spool, 100);
    ASSERT_FALSE(left.empty());
    EXPECT_EQ(left, numbered(std::max<std::size_t>(batch.end, lost), next, 1000));
}

TEST_F(SpoolTest, AFileCutAnywhereKeepsTheRecordsBeforeTheCut) {
    const auto records = numbered(0, 6, 30);
    {
        Spool spool{options()};
        spool.append(records);
    }
    const auto file = files().at(0);
    const auto size = std::filesystem::file_size(file);
    constexpr std::uintmax_t kRecord = SpoolSegment::kFrame + 30;
    for (auto left = size; left-- > 0;) {
        std::filesystem::resize_file(file, left);
        const auto segment = SpoolSegment::open(file);
        const auto whole =
            left < SpoolSegment::kMagic.size() ? 0 : (left - SpoolSegment::kMagic.size()) / kRecord;
        EXPECT_EQ(segment.records(), whole) << left;
        std::uint64_t bytes = 0;
        EXPECT_EQ(segment.read(kAll, bytes), numbered(0, whole, 30)) << left;
    }
}

TEST_F(SpoolTest, ASpoiltByteEndsTheFileAtItsRecord) {
    {
        Spool spool{options()};
        spool.append(numbered(0, 5, 30));
    }
    {
        std::fstream file{files().at(0), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(static_cast<std::streamoff>(SpoolSegment::kMagic.size() +
                                               2 * (SpoolSegment::kFrame + 30) + 20));
        file.put('!');
    }
    Spool spool{options()};
    EXPECT_EQ(spool.torn_files(), 1U);
    spool.append({"new"});
    auto expected = numbered(0, 2, 30);
    expected.emplace_back("new");
    EXPECT_EQ(take_all(spool), expected);
}

TEST_F(SpoolTest, WhatTheDiskLostSinceIsCountedAndTheRestGoesOn) {
    Spool spool{options()};
    spool.append(numbered(0, 5, 30));
    std::filesystem::resize_file(files().at(0), SpoolSegment::kMagic.size() + 40);
    const auto first = spool.oldest(10);
    EXPECT_EQ(first.records, numbered(0, 1, 30));
    spool.forget(first.end);
    const auto next = spool.oldest(10);
    EXPECT_TRUE(next.records.empty());
    EXPECT_EQ(next.unreadable, 4U);
    EXPECT_TRUE(spool.empty());
    spool.append({"new"});
    EXPECT_EQ(take_all(spool), std::vector<std::string>{"new"});
}

TEST_F(SpoolTest, AForeignFileIsLeftAlone) {
    std::ofstream{folder_ / "notes.txt"} << "mine";
    std::ofstream{folder_ / "abc.spool"} << "mine";
    Spool spool{options()};
    EXPECT_TRUE(spool.empty());
    spool.append({"a"});
    EXPECT_EQ(take_all(spool), std::vector<std::string>{"a"});
    EXPECT_TRUE(std::filesystem::exists(folder_ / "notes.txt"));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "abc.spool"));
}

TEST_F(SpoolTest, OneProcessAtATimeHasIt) {
    const Spool spool{options()};
    try {
        const Spool other{options()};
        FAIL() << "taken twice";
    } catch (const std::runtime_error& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find(folder_.string()), std::string::npos) << what;
        EXPECT_NE(what.find("another agent uses it"), std::string::npos) << what;
    }
}

TEST_F(SpoolTest, AFolderThatCannotBeMadeIsNamed) {
    std::ofstream{folder_ / "file"} << "x";
    try {
        const Spool spool{{folder_ / "file" / "spool", Spool::kBytesLeast}};
        FAIL() << "opened";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string{error.what()}.find("file/spool"), std::string::npos) << error.what();
    }
}

TEST_F(SpoolTest, WhatAKilledProcessAppendedIsThere) {
    const auto child = ::fork();
    if (child == 0) {
        Spool spool{options()};
        spool.append(numbered(0, 1000));
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    Spool spool{options()};
    EXPECT_EQ(take_all(spool, 100), numbered(0, 1000));
}

TEST_F(SpoolTest, ItIsSyncedWhereSomethingIsNew) {
    Spool spool{options()};
    EXPECT_FALSE(spool.unsynced());
    spool.append({"a"});
    const auto work = spool.unsynced();
    ASSERT_TRUE(work);
    take_all(spool);  // the file may go before the thread comes to it
    work();
    EXPECT_FALSE(spool.unsynced());
}

TEST_F(SpoolTest, WhatCouldNotBeSyncedIsGivenAgain) {
    Spool spool{options()};
    spool.append({"a"});
    ASSERT_TRUE(spool.unsynced());
    spool.not_synced();
    EXPECT_TRUE(spool.unsynced());
    EXPECT_FALSE(spool.unsynced());
    take_all(spool);  // what is gone needs it no more
    spool.not_synced();
    EXPECT_FALSE(spool.unsynced());
}

/// Against a plain list: any order of appending, reading, forgetting, and starting anew.
TEST_F(SpoolTest, AnyHistoryGivesWhatAListWouldGive) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random{seed};
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    auto spool = std::make_unique<Spool>(options());
    std::deque<std::string> model;
    std::size_t next = 0;
    for (int step = 0; step < 2000; ++step) {
        if (below(3) == 0) {
            const auto count = below(20);
            const auto records = numbered(next, next + count, below(3000));
            next += count;
            model.insert(model.end(), records.begin(), records.end());
            for (const auto& gone : spool->append(records)) {
                ASSERT_EQ(gone, model.front());
                model.pop_front();
            }
        } else if (below(20) == 0) {
            spool.reset();
            spool = std::make_unique<Spool>(options());
            // Some that were forgotten may be back, in front of the others.
            ASSERT_GE(spool->records(), model.size());
            while (spool->records() > model.size()) {
                const auto again = spool->oldest(spool->records() - model.size());
                spool->forget(again.end);
            }
        } else {
            const auto batch = spool->oldest(1 + below(30));
            ASSERT_LE(batch.records.size(), model.size());
            ASSERT_TRUE(std::equal(batch.records.begin(), batch.records.end(), model.begin()));
            spool->forget(batch.end);
            model.erase(model.begin(),
                        model.begin() + static_cast<std::ptrdiff_t>(batch.records.size()));
        }
        ASSERT_EQ(spool->records(), model.size());
    }
}

TEST(FinishedJobCodec, AJobSurvivesItsBytes) {
    const FinishedJob bare{"1-0", std::nullopt};
    EXPECT_EQ(decode_finished(encode_finished(bare))->entry, "1-0");
    EXPECT_FALSE(decode_finished(encode_finished(bare))->cell);
    const auto minute = UtcMinute::from_epoch_ms(1'700'000'040'000);
    Cell cell;
    cell.key = {EndpointId{7}, RegionId{3}, minute};
    cell.verdict = Verdict::fail;
    cell.agent = "a";
    RegionMask regions;
    regions.add(RegionId{3});
    const FinishedJob whole{
        "2-1", CellToRecord{ShardId{63}, cell.key, 299, regions, wire::encode_cell(cell, true)}};
    const auto back = decode_finished(encode_finished(whole));
    ASSERT_TRUE(back && back->cell);
    EXPECT_EQ(back->entry, "2-1");
    EXPECT_EQ(*back->cell, *whole.cell);
    auto torn = whole;
    torn.cell->cell.fixed.clear();
    EXPECT_FALSE(decode_finished(encode_finished(torn)));
    EXPECT_FALSE(decode_finished("\xff\xff"));
}

}  // namespace
}  // namespace quorate::agent

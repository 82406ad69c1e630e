#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "region-agent/outbox/spool_segment.hpp"

namespace quorate::agent {

struct SpoolOptions {
    std::filesystem::path directory;                      ///< made where it is missing
    std::uint64_t bytes_max = std::uint64_t{256} << 20U;  ///< of all files together
};

/// The oldest records of a spool.
struct SpoolBatch {
    std::vector<std::string> records;
    std::uint64_t end = 0;         ///< for `Spool::forget`
    std::uint64_t unreadable = 0;  ///< older ones that could not be read back, and are gone
};

/// Records on disk, in order, while they can go nowhere else: appended to files that are read from
/// their beginning, and removed when all of them are forgotten. Above its bound the oldest file
/// goes with what is in it. A crash, kill -9 included, loses nothing that was appended; a crash of
/// the machine what was not synced. What was forgotten may come again after a crash.
/// Synchronous and not thread-safe, but for what `unsynced` returns.
class Spool {
public:
    /// Into how many files the bound is cut: so much of it may go at once.
    static constexpr std::uint64_t kSegments = 16;
    static constexpr std::uint64_t kBytesLeast = std::uint64_t{1} << 20U;

    /// Takes the directory for itself and checks what an earlier life left in it. Throws
    /// std::runtime_error with one line that names the directory: it can't be made, read or
    /// written, or another process holds it.
    explicit Spool(SpoolOptions options);
    ~Spool();
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    /// Appends all or nothing. Throws std::system_error where the disk does not take them.
    /// @return the records that had to go for them, the oldest ones
    std::vector<std::string> append(const std::vector<std::string>& records);

    /// The oldest records, at most `count`, fewer where a file ends; none only if there are none.
    SpoolBatch oldest(std::size_t count);
    /// Forgets the records up to the end of a batch of `oldest`, those that went meanwhile too.
    void forget(std::uint64_t end);

    bool empty() const { return records() == 0; }
    std::size_t records() const { return static_cast<std::size_t>(next_ - first_); }
    std::uint64_t bytes() const;
    /// Files whose end was cut or spoilt when the spool was opened.
    std::size_t torn_files() const { return torn_files_; }

    /// What has to run, on any thread, so that all that was appended so far survives a crash of the
    /// machine; nothing where it does. It throws std::system_error.
    std::function<void()> unsynced();
    /// What `unsynced` returned last has failed, or was not run: its files count again.
    void not_synced();

private:
    void lock();
    void take_over();
    SpoolSegment& newest();
    void drop_oldest();
    std::filesystem::path file_of(std::uint64_t number) const;

    SpoolOptions options_;
    int lock_ = -1;
    std::deque<SpoolSegment> segments_;  ///< the oldest first
    bool writing_ = false;               ///< the last one is ours, not of an earlier life
    std::uint64_t next_file_ = 1;
    std::uint64_t first_ = 0;    ///< number of the oldest record
    std::uint64_t next_ = 0;     ///< number of the record that comes next
    std::size_t unsynced_ = 0;   ///< so many of the newest segments
    std::uint64_t dropped_ = 0;  ///< segments that went: the number of the oldest one that is there
    std::uint64_t syncing_from_ = 0;  ///< number of the first segment that `unsynced` gave last
    std::size_t torn_files_ = 0;
};

}  // namespace quorate::agent

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quorate::agent {

/// One file of a spool: a magic of 8 bytes, then records, each its length (u32), the CRC-32C of its
/// bytes (u32), both big-endian, and the bytes. What follows the first record that is cut short or
/// does not match its checksum counts as not written: a crash may end a file anywhere.
class SpoolSegment {
public:
    static constexpr std::size_t kRecordMax = std::size_t{1} << 20U;  ///< bytes of one record
    static constexpr std::string_view kMagic = "QUSPOOL1";
    static constexpr std::size_t kFrame = 8;  ///< bytes before each record

    /// A new, empty file; throws std::system_error, also where it exists.
    static SpoolSegment create(const std::filesystem::path& file);
    /// One that is there, to be read: everything in it is checked. Throws std::system_error where
    /// it can't be read.
    static SpoolSegment open(const std::filesystem::path& file);

    SpoolSegment(SpoolSegment&& other) noexcept;
    SpoolSegment& operator=(SpoolSegment&&) = delete;
    SpoolSegment(const SpoolSegment&) = delete;
    SpoolSegment& operator=(const SpoolSegment&) = delete;
    ~SpoolSegment();

    /// Appends all or nothing; each at most kRecordMax. Throws std::system_error where the disk
    /// takes them not.
    void append(const std::vector<std::string>& records);
    /// The next records behind what was skipped, at most `count`, as far as they read well.
    /// @param bytes set to how long they are in the file
    std::vector<std::string> read(std::size_t count, std::uint64_t& bytes) const;
    /// Leaves out so many records, of that length in the file, from now on.
    void skip(std::size_t count, std::uint64_t bytes);
    /// Removes the file. Errors are ignored: a later start reads it again, which changes nothing.
    void remove() noexcept;
    /// A descriptor of its own for fsync(2) on another thread. Throws std::system_error.
    int duplicate() const;

    std::size_t records() const { return records_; }  ///< not skipped
    std::uint64_t bytes() const { return end_; }      ///< of the file, skipped ones included
    /// Bytes behind the last good record, at `open`.
    std::uint64_t torn_bytes() const { return torn_bytes_; }

private:
    SpoolSegment(std::filesystem::path file, int descriptor);
    void check();
    /// The record at `at`, if it is one.
    std::optional<std::string> record_at(std::uint64_t at) const;

    std::filesystem::path file_;
    int descriptor_;
    std::uint64_t begin_ = kMagic.size();  ///< of the first record not skipped
    std::uint64_t end_ = kMagic.size();    ///< behind the last good record
    std::size_t records_ = 0;
    std::uint64_t torn_bytes_ = 0;
};

}  // namespace quorate::agent

#include "region-agent/outbox/spool_segment.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <boost/crc.hpp>

#include <fcntl.h>
#include <unistd.h>

#include "core/base/big_endian.hpp"

namespace quorate::agent {
namespace {

using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;

[[noreturn]] void fail(const char* what, const std::filesystem::path& file, int error = errno) {
    throw std::system_error{
        error, std::generic_category(), std::string{what} + " " + file.string()};
}

std::uint32_t checksum(std::string_view bytes) {
    Crc32c crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

/// @return whether all of it was there.
bool read_whole(int descriptor, char* into, std::size_t size, std::uint64_t at) {
    while (size > 0) {
        const auto got = ::pread(descriptor, into, size, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into += got;
        at += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return true;
}

/// @return errno, 0 where all of it was taken
int write_whole(int descriptor, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        const auto put = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(put));
        at += static_cast<std::uint64_t>(put);
    }
    return 0;
}

}  // namespace

SpoolSegment::SpoolSegment(std::filesystem::path file, int descriptor)
    : file_{std::move(file)}, descriptor_{descriptor} {}

SpoolSegment::SpoolSegment(SpoolSegment&& other) noexcept
    : file_{std::move(other.file_)},
      descriptor_{std::exchange(other.descriptor_, -1)},
      begin_{other.begin_},
      end_{other.end_},
      records_{other.records_},
      torn_bytes_{other.torn_bytes_} {}

SpoolSegment::~SpoolSegment() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

SpoolSegment SpoolSegment::create(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) fail("cannot create", file);
    SpoolSegment segment{file, descriptor};
    if (const int error = write_whole(descriptor, kMagic, 0); error != 0) {
        segment.remove();
        fail("cannot write", file, error);
    }
    return segment;
}

SpoolSegment SpoolSegment::open(const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) fail("cannot open", file);
    SpoolSegment segment{file, descriptor};
    segment.check();
    return segment;
}

void SpoolSegment::check() {
    const auto size = ::lseek(descriptor_, 0, SEEK_END);
    if (size < 0) fail("cannot read", file_);
    std::array<char, kMagic.size()> magic{};
    const bool ours = read_whole(descriptor_, magic.data(), magic.size(), 0) &&
                      std::string_view{magic.data(), magic.size()} == kMagic;
    if (ours) {
        while (const auto record = record_at(end_)) {
            end_ += kFrame + record->size();
            ++records_;
        }
    }
    const auto good = ours ? end_ : 0;
    torn_bytes_ =
        static_cast<std::uint64_t>(size) - std::min(good, static_cast<std::uint64_t>(size));
}

std::optional<std::string> SpoolSegment::record_at(std::uint64_t at) const {
    std::array<char, kFrame> frame{};
    if (!read_whole(descriptor_, frame.data(), frame.size(), at)) return std::nullopt;
    const auto size = big_endian({frame.data(), 4});
    if (size > kRecordMax) return std::nullopt;
    std::string record(size, '\0');
    if (!read_whole(descriptor_, record.data(), size, at + kFrame)) return std::nullopt;
    if (checksum(record) != big_endian({frame.data() + 4, 4})) return std::nullopt;
    return record;
}

void SpoolSegment::append(const std::vector<std::string>& records) {
    std::string bytes;
    for (const auto& record : records) {
        if (record.size() > kRecordMax)
            throw std::invalid_argument{"spool: a record of more than 1 MiB"};
        append_big_endian(record.size(), 4, bytes);
        append_big_endian(checksum(record), 4, bytes);
        bytes += record;
    }
    // After a failure the next append writes over what came of this one.
    if (const int error = write_whole(descriptor_, bytes, end_); error != 0)
        fail("cannot write", file_, error);
    end_ += bytes.size();
    records_ += records.size();
}

std::vector<std::string> SpoolSegment::read(std::size_t count, std::uint64_t& bytes) const {
    std::vector<std::string> records;
    bytes = 0;
    while (records.size() < std::min(count, records_)) {
        auto record = record_at(begin_ + bytes);
        if (!record) break;  // the disk lost it since it was written
        bytes += kFrame + record->size();
        records.push_back(*std::move(record));
    }
    return records;
}

void SpoolSegment::skip(std::size_t count, std::uint64_t bytes) {
    records_ -= count;
    begin_ += bytes;
}

void SpoolSegment::remove() noexcept {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
}

int SpoolSegment::duplicate() const {
    const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) fail("cannot duplicate", file_);
    return copy;
}

}  // namespace quorate::agent

#include "region-agent/outbox/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace quorate::agent {
namespace {

constexpr std::string_view kSuffix = ".spool";

/// The number of a file of ours; 0 for any other.
std::uint64_t number_of(const std::filesystem::path& file) {
    const auto name = file.filename().string();
    if (!name.ends_with(kSuffix)) return 0;
    std::uint64_t number = 0;
    const auto* end = name.data() + name.size() - kSuffix.size();
    const auto parsed = std::from_chars(name.data(), end, number);
    return parsed.ec == std::errc{} && parsed.ptr == end ? number : 0;
}

}  // namespace

Spool::Spool(SpoolOptions options) : options_{std::move(options)} {
    options_.bytes_max = std::max(options_.bytes_max, kBytesLeast);
    try {
        std::filesystem::create_directories(options_.directory);
        lock();
        take_over();
    } catch (const std::exception& error) {
        if (lock_ >= 0) ::close(lock_);
        throw std::runtime_error{"spool " + options_.directory.string() + ": " + error.what()};
    }
}

Spool::~Spool() {
    if (lock_ >= 0) ::close(lock_);
}

void Spool::lock() {
    const auto file = options_.directory / "lock";
    lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) throw std::system_error{errno, std::generic_category(), file.string()};
    if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
    if (errno == EWOULDBLOCK) throw std::runtime_error{"another agent uses it"};
    throw std::system_error{errno, std::generic_category(), file.string()};
}

void Spool::take_over() {
    std::vector<std::pair<std::uint64_t, std::filesystem::path>> files;
    for (const auto& entry : std::filesystem::directory_iterator{options_.directory})
        if (const auto number = number_of(entry.path()); number != 0)
            files.emplace_back(number, entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& [number, file] : files) {
        auto segment = SpoolSegment::open(file);
        next_file_ = number + 1;
        if (segment.torn_bytes() > 0) ++torn_files_;
        if (segment.records() == 0) {
            segment.remove();
            continue;
        }
        next_ += segment.records();
        segments_.push_back(std::move(segment));
    }
}

std::filesystem::path Spool::file_of(std::uint64_t number) const {
    return options_.directory / fmt::format("{:020}{}", number, kSuffix);
}

SpoolSegment& Spool::newest() {
    const auto full = options_.bytes_max / kSegments;
    if (!writing_ || segments_.empty() || segments_.back().bytes() >= full) {
        segments_.push_back(SpoolSegment::create(file_of(next_file_)));
        ++next_file_;
        ++unsynced_;
        writing_ = true;
    }
    return segments_.back();
}

std::vector<std::string> Spool::append(const std::vector<std::string>& records) {
    std::vector<std::string> lost;
    if (records.empty()) return lost;
    newest().append(records);
    next_ += records.size();
    unsynced_ = std::max<std::size_t>(unsynced_, 1);
    while (bytes() > options_.bytes_max && segments_.size() > 1) {
        std::uint64_t length = 0;
        auto gone = segments_.front().read(segments_.front().records(), length);
        std::move(gone.begin(), gone.end(), std::back_inserter(lost));
        drop_oldest();
    }
    return lost;
}

void Spool::drop_oldest() {
    first_ += segments_.front().records();
    segments_.front().remove();
    segments_.pop_front();
    ++dropped_;
    unsynced_ = std::min(unsynced_, segments_.size());
    if (segments_.empty()) writing_ = false;
}

SpoolBatch Spool::oldest(std::size_t count) {
    std::uint64_t unreadable = 0;
    while (!empty()) {
        std::uint64_t length = 0;
        auto records = segments_.front().read(count, length);
        if (!records.empty()) {
            const auto end = first_ + records.size();
            return {std::move(records), end, unreadable};
        }
        unreadable += segments_.front().records();
        drop_oldest();
    }
    return {{}, next_, unreadable};
}

void Spool::forget(std::uint64_t end) {
    while (first_ < end && !segments_.empty()) {
        auto& segment = segments_.front();
        const auto count =
            static_cast<std::size_t>(std::min<std::uint64_t>(end - first_, segment.records()));
        std::uint64_t length = 0;
        const bool whole = count == segment.records();
        // Where they can't be read again, none behind them could be found.
        if (whole || segment.read(count, length).size() < count) {
            drop_oldest();
            continue;
        }
        segment.skip(count, length);
        first_ += count;
    }
}

std::uint64_t Spool::bytes() const {
    std::uint64_t sum = 0;
    for (const auto& segment : segments_)
        sum += segment.bytes();
    return sum;
}

std::function<void()> Spool::unsynced() {
    if (unsynced_ == 0) return {};
    using Descriptor = std::unique_ptr<const int, void (*)(const int*)>;
    const auto close = [](const int* descriptor) {
        ::close(*descriptor);
        delete descriptor;
    };
    const auto descriptors = std::make_shared<std::vector<Descriptor>>();
    // The folder too: a new file's name has to last as well.
    const int folder = ::open(options_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) descriptors->emplace_back(new int{folder}, close);
    for (auto left = unsynced_; left > 0; --left)
        descriptors->emplace_back(new int{segments_[segments_.size() - left].duplicate()}, close);
    syncing_from_ = dropped_ + segments_.size() - std::exchange(unsynced_, 0);
    return [descriptors, directory = options_.directory] {
        for (const auto& descriptor : *descriptors)
            if (::fsync(*descriptor) != 0)
                throw std::system_error{errno, std::generic_category(), directory.string()};
    };
}

void Spool::not_synced() {
    const auto from = std::max(syncing_from_, dropped_);
    const auto end = dropped_ + segments_.size();
    unsynced_ = std::max(unsynced_, static_cast<std::size_t>(end - std::min(from, end)));
}

}  // namespace quorate::agent

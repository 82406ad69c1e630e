#include "archiver/manifests/manifest_work.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "archiver/store/manifest_store.hpp"
#include "core/base/sha256.hpp"
#include "core/base/utf8.hpp"

namespace quorate {
namespace {

constexpr std::size_t kReadAtOnce = 16;  // lists from Redis, each up to a megabyte

/// Anything may stand in Redis; what the hash names is what an agent saw.
bool is_sound(const std::string& text, const std::string& full_hash) {
    return text.find('\0') == std::string::npos && is_utf8(text) &&
           to_hex(sha256(text)) == full_hash;
}

/// Where a region falls silent those that are left may agree on a list that none of them tells of
/// in this minute: then the fronts of what each had last.
void add_left_behind(const NoticeState& notices,
                     const std::vector<Cell>& cells,
                     std::set<std::uint64_t>& fronts) {
    const bool silent = std::ranges::any_of(notices.regions, [&cells](const auto& region) {
        return std::ranges::none_of(
            cells, [&region](const Cell& cell) { return cell.key.region == region.region; });
    });
    if (!silent) return;
    std::set<std::uint64_t> last{notices.full};
    for (const auto& region : notices.regions)
        last.insert(region.full);
    last.erase(0);
    if (last.size() > 1) fronts.merge(last);
}

/// The fronts of the lists that have to be compared: of each endpoint with a list that is not what
/// it was, the lists now and before.
std::set<std::uint64_t> changed_fronts(const ProgressMap& committed,
                                       const std::vector<CellsFound>& found) {
    std::set<std::uint64_t> fronts;
    for (const auto& minute : found) {
        if (minute.cells.empty()) continue;
        const auto known = committed.find(minute.cells.front().key.endpoint);
        if (known != committed.end()) add_left_behind(known->second.notices, minute.cells, fronts);
        for (const auto& cell : minute.cells) {
            if (cell.full_hash.empty()) continue;
            const auto progress = committed.find(cell.key.endpoint);
            if (progress == committed.end()) continue;
            const auto& notices = progress->second.notices;
            const auto* region = notices.region(cell.key.region);
            const auto now = front_of_hash(cell.full_hash);
            const auto before = region == nullptr ? 0 : region->full;
            if (before == now || (before == 0 && notices.full == 0)) continue;
            for (const auto front : {now, before, notices.full})
                if (front != 0) fronts.insert(front);
        }
    }
    return fronts;
}

}  // namespace

Task<ToolLists> ManifestWork::read(const ProgressMap& committed,
                                   const std::vector<CellsFound>& found,
                                   const RegionNames& regions) {
    ToolLists lists;
    Told told;
    for (const auto& minute : found)
        for (const auto& cell : minute.cells) {
            if (cell.full_hash.empty() || known_.find(cell.full_hash) != nullptr) continue;
            const auto region = regions.find(cell.key.region);
            auto& tellers = told[cell.full_hash];
            if (region != regions.end() &&
                std::ranges::find(tellers, region->second) == tellers.end())
                tellers.push_back(region->second);
        }
    if (!told.empty()) co_await note_stored(told);
    if (!told.empty()) co_await fetch(std::move(told), lists);

    const auto fronts = changed_fronts(committed, found);
    if (fronts.empty()) co_return lists;
    auto load = [&fronts](pqxx::work& work) {
        return load_lists(work, fronts, kComparedMax, kBytesMax);
    };
    const auto stored = co_await database_.transact(load);
    for (const auto& [full_hash, text] : stored)
        lists.known.add(full_hash, text);
    for (const auto& [full_hash, text] : lists.to_store)
        if (fronts.contains(front_of_hash(full_hash))) lists.known.add(full_hash, text);
    co_return lists;
}

/// Takes out what another life, or another archiver, has stored.
Task<> ManifestWork::note_stored(Told& told) {
    std::set<std::string> hashes;
    for (const auto& [full_hash, tellers] : told)
        hashes.insert(full_hash);
    auto look = [&hashes](pqxx::work& work) { return stored_lists(work, hashes); };
    const auto stored = co_await database_.transact(look);
    for (const auto& full_hash : stored) {
        known_.put(full_hash, true);
        told.erase(full_hash);
    }
}

/// Reads lists from Redis: of the first region that tells of each, then, where that has none, of
/// the next.
Task<> ManifestWork::fetch(Told told, ToolLists& lists) {
    std::size_t bytes = 0;
    while (!told.empty() && bytes < kBytesMax) {
        std::vector<ManifestName> names;
        for (auto each = told.begin(); each != told.end() && names.size() < kReadAtOnce;) {
            auto& [full_hash, tellers] = *each;
            if (tellers.empty()) {
                metrics_.manifests.with({"missing"}).add();
                each = told.erase(each);
                continue;
            }
            names.push_back({std::move(tellers.back()), full_hash});
            tellers.pop_back();
            ++each;
        }
        auto asked = names;
        const auto texts = co_await read_manifests(redis_, std::move(asked));
        for (std::size_t i = 0; i < names.size(); ++i) {
            const auto& text = texts[i];
            if (!text) continue;
            if (!is_sound(*text, names[i].full_hash)) {
                metrics_.manifests.with({"refused"}).add();
                continue;
            }
            bytes += text->size();
            lists.to_store.emplace(names[i].full_hash, *text);
            told.erase(names[i].full_hash);
        }
    }
}

Task<> ManifestWork::stored(const SealPlan& plan, const RegionNames& regions) {
    for (const auto& full_hash : named_texts(plan)) {
        metrics_.manifests.with({"stored"}).add();
        known_.put(full_hash, true);
    }
    // Somebody may have had them deleted since we knew them.
    for (const auto& full_hash : plan.without_text)
        known_.erase(full_hash);
    std::set<ManifestName> done;
    for (const auto& row : plan.rows)
        for (const auto& list : row.lists) {
            const auto region = regions.find(list.region);
            if (region != regions.end() && known_.find(list.full_hash) != nullptr)
                done.insert({region->second, list.full_hash});
        }
    std::vector<ManifestName> names{done.begin(), done.end()};
    co_await drop_manifests(redis_, std::move(names));
}

}  // namespace quorate

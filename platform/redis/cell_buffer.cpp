#include "platform/redis/cell_buffer.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/base/big_endian.hpp"
#include "platform/redis/cell_calls.hpp"
#include "platform/redis/cell_reads.hpp"
#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"

namespace quorate {

namespace {

constexpr std::size_t kPart = 4096;  // commands of one call

/// A list of each shard and region.
struct ListOf {
    ShardId shard;
    RegionId region;
};

std::vector<ListOf> lists_of(const std::vector<ShardId>& shards,
                             const std::vector<RegionId>& regions) {
    std::vector<ListOf> lists;
    lists.reserve(shards.size() * regions.size());
    for (const auto shard : shards)
        for (const auto region : regions)
            lists.push_back({shard, region});
    return lists;
}

std::vector<RedisArgs> heads_of(const std::vector<ListOf>& lists,
                                std::size_t entries_max,
                                std::string (*key)(ShardId, RegionId)) {
    std::vector<RedisArgs> commands;
    commands.reserve(lists.size());
    const auto last = std::to_string(entries_max - 1);
    for (const auto& [shard, region] : lists)
        commands.push_back({"LRANGE", key(shard, region), "0", last});
    return commands;
}

/// `<minute_ms>:<runs>`; what is none is passed over.
void read_announcement(std::string_view entry, std::vector<DoneRun>& runs) {
    const auto colon = entry.find(':');
    if (colon == std::string_view::npos) return;
    const auto ms = detail::parse_number<std::int64_t>(entry.substr(0, colon));
    if (!ms) return;
    for (auto rest = entry.substr(colon + 1); rest.size() >= 6; rest.remove_prefix(6)) {
        runs.push_back({UtcMinute::from_epoch_ms(*ms),
                        static_cast<std::uint32_t>(big_endian(rest.substr(0, 4))),
                        static_cast<std::uint32_t>(big_endian(rest.substr(4, 2)))});
    }
}

/// Keeps what a call for these cells failed with. @return whether it did
bool take_failure(const RedisReply& reply,
                  const std::vector<std::size_t>& members,
                  RecordAnswers& answers) {
    const auto* refusal = reply.error();
    const auto* away = reply.unavailable();
    if (refusal == nullptr && away == nullptr) return false;
    (refusal != nullptr ? answers.refusal : answers.unavailable) =
        refusal != nullptr ? *refusal : *away;
    for (const auto member : members)
        answers.recorded[member] = refusal != nullptr ? Recorded::refused : Recorded::unanswered;
    return true;
}

void take_answer(const RedisReply& reply,
                 const std::vector<std::size_t>& members,
                 RecordAnswers& answers) {
    if (take_failure(reply, members, answers)) return;
    auto& recorded = answers.recorded;
    const auto& digits = reply.text();
    if (digits == "fresh" || digits == "sealed") {
        for (const auto member : members)
            recorded[member] = digits == "fresh" ? Recorded::fresh : Recorded::late;
        return;
    }
    if (digits.size() != members.size())
        throw RedisError{"ERR the record script did not answer for each cell"};
    for (std::size_t i = 0; i < members.size(); ++i)
        recorded[members[i]] = static_cast<Recorded>(digits[i] - '0');
}

/// Adds a list to the call that trims lists of its shard.
void trim(std::map<ShardId, RedisScript::Call>& calls,
          ShardId shard,
          const ShardEpochs& held,
          std::string list,
          std::size_t entries) {
    const auto ours = held.find(shard);
    if (ours == held.end()) return;
    auto& call = calls[shard];
    if (call.keys.empty()) {
        call.keys = {keys::lease(SharedWork::sealing, shard)};
        call.arguments = {std::to_string(ours->second)};
    }
    call.keys.push_back(std::move(list));
    call.arguments.push_back(std::to_string(entries));
}

Task<> trim_held(RedisClient& client, std::map<ShardId, RedisScript::Call> calls) {
    static const RedisScript kScript{scripts::trim_held};
    std::vector<RedisScript::Call> all;
    all.reserve(calls.size());
    for (auto& [shard, call] : calls)
        all.push_back(std::move(call));
    const auto replies = co_await kScript.run_all(client, std::move(all));
}

/// As RedisClient::run_all, however many there are: what a call may hold is bounded, and between
/// two parts others get their turn.
Task<std::vector<RedisReply>> run_in_parts(RedisClient& client, std::vector<RedisArgs> commands) {
    std::vector<RedisReply> replies;
    replies.reserve(commands.size());
    for (std::size_t first = 0; first < commands.size(); first += kPart) {
        const auto last = std::min(commands.size(), first + kPart);
        std::vector<RedisArgs> part;
        part.reserve(last - first);
        for (auto i = first; i < last; ++i)
            part.push_back(std::move(commands[i]));
        auto answers = co_await client.run_all(std::move(part));
        std::ranges::move(answers, std::back_inserter(replies));
    }
    co_return replies;
}

}  // namespace

CellBuffer::CellBuffer(RedisClient& client, CellBufferLimits limits)
    : client_{&client}, limits_{limits} {}

Task<std::vector<Recorded>> CellBuffer::record(std::vector<CellToRecord> cells) {
    auto answers = co_await try_record(std::move(cells));
    if (!answers.unavailable.empty()) throw RedisUnavailable{answers.unavailable};
    if (!answers.refusal.empty()) throw RedisError{answers.refusal};
    co_return std::move(answers.recorded);
}

Task<RecordAnswers> CellBuffer::try_record(std::vector<CellToRecord> cells) {
    static const RedisScript kScript{scripts::record};
    const detail::RecordSettings settings{limits_.minute_ttl, limits_.done_max};
    RecordAnswers answers;
    if (cells.empty()) co_return answers;
    auto made = detail::record_calls(cells, settings);
    std::vector<RedisScript::Call> calls;
    calls.reserve(made.size());
    for (auto& each : made)
        calls.push_back(std::move(each.call));
    const auto replies = co_await kScript.try_now(*client_, std::move(calls));

    answers.recorded.resize(cells.size());
    for (std::size_t i = 0; i < made.size(); ++i)
        take_answer(replies[i], made[i].members, answers);
    if (std::ranges::find(answers.recorded, Recorded::late) != answers.recorded.end())
        co_await record_late(cells, answers);
    co_return answers;
}

/// A minute that is sealed stays so: between the two calls nothing can change for these cells.
Task<> CellBuffer::record_late(const std::vector<CellToRecord>& cells, RecordAnswers& answers) {
    static const RedisScript kScript{scripts::late};
    std::map<std::pair<ShardId, RegionId>, std::vector<std::size_t>> lists;
    for (std::size_t i = 0; i < cells.size(); ++i)
        if (answers.recorded[i] == Recorded::late)
            lists[{cells[i].shard, cells[i].key.region}].push_back(i);
    std::vector<RedisScript::Call> calls;
    for (const auto& [list, members] : lists) {
        RedisScript::Call call;
        call.keys = {keys::late(list.first, list.second)};
        call.arguments = {std::to_string(limits_.late_max)};
        for (const auto member : members)
            call.arguments.push_back(wire::encode_record(cells[member]));
        calls.push_back(std::move(call));
    }
    std::vector<RedisReply> replies(calls.size());
    try {
        replies = co_await kScript.try_now(*client_, std::move(calls));
    } catch (const RedisUnavailable& error) {
        replies.assign(lists.size(), RedisReply{RedisReply::Unavailable{error.what()}});
    }
    auto reply = replies.begin();
    for (const auto& [list, members] : lists) {
        const auto& of_list = *reply++;
        if (take_failure(of_list, members, answers)) continue;
        const auto& codes = of_list.list();
        for (std::size_t i = 0; i < members.size(); ++i)
            answers.recorded[members[i]] = static_cast<Recorded>(codes.at(i).integer());
    }
}

Task<std::vector<DoneBatch>> CellBuffer::read_done(std::vector<ShardId> shards,
                                                   std::vector<RegionId> regions,
                                                   std::size_t entries_max) {
    const auto lists = lists_of(shards, regions);
    auto commands = heads_of(lists, entries_max, keys::done);
    const auto replies = co_await run_in_parts(*client_, std::move(commands));
    std::vector<DoneBatch> batches;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const auto& entries = replies[i].list();
        if (entries.empty()) continue;
        DoneBatch batch{lists[i].shard, lists[i].region, entries.size(), {}};
        for (const auto& entry : entries)
            read_announcement(entry.text(), batch.runs);
        batches.push_back(std::move(batch));
    }
    co_return batches;
}

Task<> CellBuffer::drop_done(std::vector<DoneBatch> batches, ShardEpochs held) {
    std::map<ShardId, RedisScript::Call> calls;
    for (const auto& batch : batches)
        trim(calls, batch.shard, held, keys::done(batch.shard, batch.region), batch.entries);
    co_await trim_held(*client_, std::move(calls));
}

Task<std::vector<CellsFound>> CellBuffer::read_cells(std::vector<CellsQuery> queries) {
    detail::CellReads reads{std::move(queries)};
    auto blocks = reads.block_commands();
    auto of_blocks = co_await run_in_parts(*client_, std::move(blocks));
    auto details = reads.detail_commands(std::move(of_blocks));
    auto of_details = co_await run_in_parts(*client_, std::move(details));
    co_return reads.found(of_details);
}

Task<> CellBuffer::seal(std::vector<ShardMinute> minutes) {
    static const RedisScript kScript{scripts::seal};
    for (std::size_t first = 0; first < minutes.size(); first += kPart) {
        std::vector<RedisScript::Call> calls;
        for (auto i = first; i < std::min(minutes.size(), first + kPart); ++i)
            calls.push_back(
                {{keys::sealed(minutes[i].shard)}, {std::to_string(minutes[i].minute.epoch_ms())}});
        const auto replies = co_await kScript.run_all(*client_, std::move(calls));
    }
}

Task<> CellBuffer::drop_minutes(std::vector<ShardMinute> minutes,
                                std::vector<RegionId> regions,
                                std::vector<std::uint32_t> slots) {
    std::vector<RedisArgs> commands;
    for (std::size_t i = 0; i < minutes.size() && !regions.empty(); ++i) {
        const auto& [shard, minute] = minutes[i];
        RedisArgs command{"UNLINK"};
        for (const auto region : regions) {
            command.push_back(keys::presence(shard, region, minute));
            command.push_back(keys::details(shard, region, minute));
            for (std::uint32_t first = 0; first < slots[i]; first += keys::kBlockSlots)
                command.push_back(keys::cells(shard, region, minute, first / keys::kBlockSlots));
        }
        commands.push_back(std::move(command));
    }
    const auto replies = co_await run_in_parts(*client_, std::move(commands));
}

Task<std::vector<std::optional<UtcMinute>>> CellBuffer::read_sealed(std::vector<ShardId> shards) {
    std::vector<RedisArgs> commands;
    commands.reserve(shards.size());
    for (const auto shard : shards)
        commands.push_back({"GET", keys::sealed(shard)});
    const auto replies = co_await run_in_parts(*client_, std::move(commands));
    std::vector<std::optional<UtcMinute>> minutes;
    for (const auto& reply : replies) {
        const auto ms =
            reply.is_nil() ? std::nullopt : detail::parse_number<std::int64_t>(reply.text());
        minutes.push_back(ms ? std::optional{UtcMinute::from_epoch_ms(*ms)} : std::nullopt);
    }
    co_return minutes;
}

Task<std::vector<LateBatch>> CellBuffer::read_late(std::vector<ShardId> shards,
                                                   std::vector<RegionId> regions,
                                                   std::size_t entries_max) {
    const auto lists = lists_of(shards, regions);
    auto commands = heads_of(lists, entries_max, keys::late);
    const auto replies = co_await run_in_parts(*client_, std::move(commands));
    std::vector<LateBatch> batches;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const auto& entries = replies[i].list();
        if (entries.empty()) continue;
        LateBatch batch{lists[i].shard, lists[i].region, entries.size(), {}, {}};
        for (const auto& entry : entries) {
            const auto record = wire::decode_record(entry.text());
            if (!record) {
                batch.undecodable.push_back(record.error().text);
                continue;
            }
            auto cell = wire::decode_cell(record->key, record->cell.fixed, record->cell.details);
            if (record->key.region != batch.region || record->shard != batch.shard)
                batch.undecodable.emplace_back("record: stands on the list of another region");
            else if (!cell)
                batch.undecodable.push_back(cell.error().text);
            else
                batch.cells.push_back(*std::move(cell));
        }
        batches.push_back(std::move(batch));
    }
    co_return batches;
}

Task<> CellBuffer::drop_late(LateBatch batch, ShardEpochs held) {
    std::map<ShardId, RedisScript::Call> calls;
    trim(calls, batch.shard, held, keys::late(batch.shard, batch.region), batch.entries);
    co_await trim_held(*client_, std::move(calls));
}

}  // namespace quorate

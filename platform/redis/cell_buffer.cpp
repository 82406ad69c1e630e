#include "platform/redis/cell_buffer.hpp"

#include <map>
#include <utility>

#include "platform/redis/convert.hpp"
#include "platform/redis/keys.hpp"
#include "platform/redis/script.hpp"
#include "platform/redis/scripts.hpp"
#include "platform/wire/cell_codec.hpp"

namespace quorate {

namespace {

/// What stands before the first `:` as a minute, and what stands behind it.
std::optional<std::pair<UtcMinute, std::string_view>> split_minute(std::string_view entry) {
    const auto colon = entry.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto ms = detail::parse_number<std::int64_t>(entry.substr(0, colon));
    if (!ms) return std::nullopt;
    return std::pair{UtcMinute::from_epoch_ms(*ms), entry.substr(colon + 1)};
}

std::vector<RedisArgs> heads_of_lists(const std::vector<ShardId>& shards,
                                      std::size_t entries_max,
                                      std::string (*key)(ShardId)) {
    std::vector<RedisArgs> commands;
    commands.reserve(shards.size());
    const auto last = std::to_string(entries_max - 1);
    for (const auto shard : shards)
        commands.push_back({"LRANGE", key(shard), "0", last});
    return commands;
}

RedisScript::Call record_call(const std::vector<CellToRecord>& cells,
                              const std::vector<std::size_t>& members,
                              const CellBufferLimits& limits) {
    const auto shard = cells[members.front()].shard;
    const auto minute = cells[members.front()].key.minute;
    RedisScript::Call call;
    call.keys = {
        keys::minute(shard, minute), keys::done(shard), keys::sealed(shard), keys::late(shard)};
    call.arguments = {std::to_string(minute.epoch_ms()),
                      std::to_string(limits.minute_ttl.count()),
                      std::to_string(limits.late_max),
                      std::to_string(limits.done_max)};
    for (const auto member : members) {
        const auto& cell = cells[member];
        call.arguments.push_back(keys::cell_field(cell.key.endpoint, cell.key.region));
        call.arguments.push_back(std::to_string(cell.key.endpoint.value()));
        call.arguments.push_back(std::to_string(cell.expected_cells));
        call.arguments.push_back(cell.encoded);
    }
    return call;
}

/// The cell under a field, if its bytes are one and it is the one that the field names.
void take_cell(const RedisReply& value, const CellKey& key, CellsFound& found) {
    if (value.is_nil()) return;
    auto cell = wire::decode_cell(value.text());
    if (!cell)
        found.undecodable.push_back(cell.error().text);
    else if (cell->key != key)
        found.undecodable.push_back("cell: stands under the key of another cell");
    else
        found.cells.push_back(*std::move(cell));
}

}  // namespace

CellBuffer::CellBuffer(RedisClient& client, CellBufferLimits limits)
    : client_{&client}, limits_{limits} {}

Task<std::vector<Recorded>> CellBuffer::record(std::vector<CellToRecord> cells) {
    static const RedisScript kScript{scripts::record};
    std::map<std::pair<ShardId, UtcMinute>, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < cells.size(); ++i)
        groups[{cells[i].shard, cells[i].key.minute}].push_back(i);
    std::vector<RedisScript::Call> calls;
    calls.reserve(groups.size());
    for (const auto& [where, members] : groups)
        calls.push_back(record_call(cells, members, limits_));
    const auto replies = co_await kScript.run_all(*client_, std::move(calls));

    std::vector<Recorded> answers(cells.size());
    auto reply = replies.begin();
    for (const auto& [where, members] : groups) {
        const auto& codes = (reply++)->list();
        for (std::size_t i = 0; i < members.size(); ++i)
            answers[members[i]] = static_cast<Recorded>(codes.at(i).integer());
    }
    co_return answers;
}

Task<std::vector<DoneBatch>> CellBuffer::read_done(std::vector<ShardId> shards,
                                                   std::size_t entries_max) {
    auto commands = heads_of_lists(shards, entries_max, keys::done);
    const auto replies = co_await client_->run_all(std::move(commands));
    std::vector<DoneBatch> batches;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const auto& entries = replies[i].list();
        if (entries.empty()) continue;
        DoneBatch batch{shards[i], entries.size(), {}};
        for (const auto& entry : entries) {
            const auto parts = split_minute(entry.text());
            const auto endpoint =
                parts ? detail::parse_number<std::uint64_t>(parts->second) : std::nullopt;
            if (endpoint) batch.minutes.push_back({parts->first, EndpointId{*endpoint}});
        }
        batches.push_back(std::move(batch));
    }
    co_return batches;
}

Task<> CellBuffer::drop_done(ShardId shard, std::size_t entries) {
    RedisArgs command{"LTRIM", keys::done(shard), std::to_string(entries), "-1"};
    const auto reply = co_await client_->run(std::move(command));
}

Task<std::vector<CellsFound>> CellBuffer::read_cells(std::vector<CellsQuery> queries) {
    std::vector<RedisArgs> commands;
    commands.reserve(queries.size());
    for (const auto& query : queries) {
        RedisArgs command{"HMGET", keys::minute(query.shard, query.minute)};
        for (const auto region : query.regions)
            command.push_back(keys::cell_field(query.endpoint, region));
        commands.push_back(std::move(command));
    }
    const auto replies = co_await client_->run_all(std::move(commands));
    std::vector<CellsFound> answers;
    answers.reserve(queries.size());
    for (std::size_t i = 0; i < queries.size(); ++i) {
        const auto& query = queries[i];
        CellsFound found;
        for (std::size_t r = 0; r < query.regions.size(); ++r) {
            const CellKey key{query.endpoint, query.regions[r], query.minute};
            take_cell(replies[i].list().at(r), key, found);
        }
        answers.push_back(std::move(found));
    }
    co_return answers;
}

Task<> CellBuffer::seal(std::vector<ShardMinute> minutes) {
    static const RedisScript kScript{scripts::seal};
    std::vector<RedisScript::Call> calls;
    for (const auto& [shard, minute] : minutes)
        calls.push_back({{keys::sealed(shard)}, {std::to_string(minute.epoch_ms())}});
    const auto replies = co_await kScript.run_all(*client_, std::move(calls));
}

Task<> CellBuffer::drop_minutes(std::vector<ShardMinute> minutes) {
    std::vector<RedisArgs> commands;
    for (const auto& [shard, minute] : minutes)
        commands.push_back({"UNLINK", keys::minute(shard, minute)});
    const auto replies = co_await client_->run_all(std::move(commands));
}

Task<std::vector<std::optional<UtcMinute>>> CellBuffer::read_sealed(std::vector<ShardId> shards) {
    std::vector<RedisArgs> commands;
    commands.reserve(shards.size());
    for (const auto shard : shards)
        commands.push_back({"GET", keys::sealed(shard)});
    const auto replies = co_await client_->run_all(std::move(commands));
    std::vector<std::optional<UtcMinute>> minutes;
    for (const auto& reply : replies) {
        const auto ms =
            reply.is_nil() ? std::nullopt : detail::parse_number<std::int64_t>(reply.text());
        minutes.push_back(ms ? std::optional{UtcMinute::from_epoch_ms(*ms)} : std::nullopt);
    }
    co_return minutes;
}

Task<std::vector<LateBatch>> CellBuffer::read_late(std::vector<ShardId> shards,
                                                   std::size_t entries_max) {
    auto commands = heads_of_lists(shards, entries_max, keys::late);
    const auto replies = co_await client_->run_all(std::move(commands));
    std::vector<LateBatch> batches;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        const auto& entries = replies[i].list();
        if (entries.empty()) continue;
        LateBatch batch{shards[i], entries.size(), {}, {}};
        for (const auto& entry : entries) {
            const auto parts = split_minute(entry.text());
            auto cell = wire::decode_cell(parts ? parts->second : std::string_view{});
            if (cell && cell->key.minute == parts->first)
                batch.cells.push_back(*std::move(cell));
            else
                batch.undecodable.push_back(cell ? "cell: is of another minute"
                                                 : cell.error().text);
        }
        batches.push_back(std::move(batch));
    }
    co_return batches;
}

Task<> CellBuffer::drop_late(ShardId shard, std::size_t entries) {
    RedisArgs command{"LTRIM", keys::late(shard), std::to_string(entries), "-1"};
    const auto reply = co_await client_->run(std::move(command));
}

}  // namespace quorate

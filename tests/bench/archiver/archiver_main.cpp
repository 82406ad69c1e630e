// What the archive costs: a line of JSON for each figure.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "archiver/compaction/compaction_store.hpp"
#include "archiver/compaction/compaction_work.hpp"
#include "archiver/store/fence_store.hpp"
#include "archiver/store/seal_store.hpp"
#include "core/decision/seal.hpp"
#include "core/schedule/schedule.hpp"
#include "platform/postgres/database.hpp"
#include "platform/runtime/clock.hpp"
#include "tests/bench/archiver/bare_copy.hpp"
#include "tests/bench/archiver/history.hpp"
#include "tests/bench/archiver/sealed_fleet.hpp"
#include "tests/bench/cpu_time.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace quorate::bench {
namespace {

constexpr std::size_t kRowsTogether = 2000;  // as the archiver's transactions
const Window kWindow = Window::minute();
constexpr std::int64_t kBareFirst = 31 * 24 * 60;

struct Options {
    SealedFleetOptions fleet;
    int rounds = 5;
    int minutes = 4;  // of a round and side
    std::size_t hot_endpoints = 100;
};

template <class Work>
double seconds_of(Work work) {
    const SystemClock clock;
    const auto began = clock.steady_now();
    work();
    return std::chrono::duration<double>(clock.steady_now() - began).count();
}

/// Seconds of our thread and of the server's process, in all and of CPU.
struct Cost {
    double wall = 0;
    double cpu = 0;
};

template <class Work>
Cost cost_of(clockid_t server, Work work) {
    const auto cpu = [server] { return cpu_s(CLOCK_THREAD_CPUTIME_ID) + cpu_s(server); };
    const auto before = cpu();
    const auto wall = seconds_of(work);
    return {wall, cpu() - before};
}

struct Store {
    explicit Store(const Options& options) : fleet{options.fleet} {
        DatabaseOptions settings;
        settings.conninfo = postgres.create_database("bench");
        settings.application_name = "bench";
        settings.connections = 1;
        conninfo = settings.conninfo;
        database = std::make_unique<Database>(settings);
        make_catalogue(conninfo, fleet);
        for (std::uint64_t shard = 0; shard < 64; ++shard)
            held.emplace(shard, 1);
        database->transact_blocking([this](auto& work) { raise_fences(work, held); });
        server = cpu_clock_of(database->transact_blocking([](auto& work) {
            return work.exec1("SELECT pg_backend_pid()")[0].template as<int>();
        }));
    }
    /// Seals a minute and stores it as the archiver does.
    Cost store_minute(std::int64_t number) {
        std::map<std::size_t, SealedFleet::Received> parts;
        for (std::size_t first = 0; first < fleet.size(); first += kRowsTogether)
            parts[first] = fleet.received(
                bench_minute(number), first, std::min(fleet.size(), first + kRowsTogether));
        return cost_of(server, [&] {
            for (auto& [first, received] : parts) {
                auto plan = fleet.seal(bench_minute(number), first, std::move(received));
                const auto states = journal.entries(plan);
                database->transact_blocking([&](auto& work) {
                    check_fences(work, held, plan.shards());
                    store_plan(work, plan, states, fleet.names());
                });
                journal.stored(states);
                fleet.commit(plan);
            }
        });
    }
    testing::PostgresCluster postgres{1024};
    SealedFleet fleet;
    StateJournal journal;
    ShardEpochs held;  // all of them
    std::string conninfo;
    std::unique_ptr<Database> database;
    clockid_t server{};
};

/// Minutes of both sides in turns, each new to the table; those of the bare path a month later, so
/// that ours follow one another as an archiver's do.
void ingest(const Options& options, Store& store) {
    BareCopy bare{store.conninfo};
    const auto bare_server = cpu_clock_of(bare.backend_pid());
    std::int64_t next = 0;
    store.store_minute(next++);  // the first one makes every state and names every tool list
    for (int round = 0; round < options.rounds; ++round) {
        Cost ours;
        for (int i = 0; i < options.minutes; ++i) {
            const auto minute = store.store_minute(next++);
            ours.wall += minute.wall;
            ours.cpu += minute.cpu;
        }
        std::vector<std::pair<std::string, std::size_t>> ready;
        for (int i = 0; i < options.minutes; ++i) {
            const auto minute = bench_minute(kBareFirst + round * options.minutes + i);
            for (std::size_t first = 0; first < store.fleet.size(); first += kRowsTogether) {
                auto received = store.fleet.received(
                    minute, first, std::min(store.fleet.size(), first + kRowsTogether));
                const auto plan = store.fleet.seal(minute, first, std::move(received));
                ready.emplace_back(binary_tuples(plan.rows), plan.rows.size());
            }
        }
        const auto theirs = cost_of(bare_server, [&] {
            for (const auto& [tuples, count] : ready)
                bare.store(tuples, count);
        });
        const auto rows = static_cast<double>(store.fleet.size()) * options.minutes;
        std::puts(
            fmt::format(
                R"({{"ingest":{{"per_s":{:.0f},"bare_per_s":{:.0f},"cpu_us":{:.2f},"bare_cpu_us":{:.2f}}}}})",
                rows / ours.wall,
                rows / theirs.wall,
                1e6 * ours.cpu / rows,
                1e6 * theirs.cpu / rows)
                .c_str());
        std::fflush(stdout);
    }
}

/// What two days of minutes take, all that stand side by side while they are hot: how full the
/// pages of the index get depends on how many minutes an endpoint has.
void hot(const Options& options) {
    constexpr std::int64_t kMinutes = 2 * 24 * 60;
    Store store{{{.endpoints = options.hot_endpoints, .regions = options.fleet.regions}}};
    for (std::int64_t minute = 0; minute < kMinutes; ++minute)
        store.store_minute(minute);
    const auto bytes = store.database->transact_blocking([](auto& work) {
        return work
            .exec1(
                "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
                " WHERE inhparent = 'quorate.minute'::regclass")[0]
            .template as<double>();
    });
    const auto cells = static_cast<double>(store.fleet.size() * options.fleet.regions) * kMinutes;
    std::puts(fmt::format(R"({{"bytes_per_cell":{:.2f}}})", bytes / cells).c_str());
}

/// The rule alone, a minute of each endpoint after the other.
void classify(const SealedFleet& fleet) {
    constexpr int kMinutes = 200;
    std::vector<EndpointState> states(fleet.size());
    std::vector<std::vector<SealedCell>> cells;
    for (std::size_t i = 0; i < fleet.size(); ++i)
        cells.push_back(sealed_cells(fleet.cells(i, bench_minute(0)), false));
    const RuleParams params;
    std::size_t decided = 0;
    const auto began = cpu_s(CLOCK_THREAD_CPUTIME_ID);
    for (int n = 0; n < kMinutes; ++n) {
        const auto minute = bench_minute(n);
        const auto at = watermark(minute, kWindow);
        for (std::size_t i = 0; i < fleet.size(); ++i)
            decided += step(states[i], {minute, at, cells[i]}, params).record.rule_row;
    }
    const auto cpu = cpu_s(CLOCK_THREAD_CPUTIME_ID) - began;
    if (decided == 0) throw std::runtime_error{"nothing was decided"};
    std::puts(fmt::format(R"({{"classify_per_s":{:.0f}}})",
                          static_cast<double>(fleet.size()) * kMinutes / cpu)
                  .c_str());
}

/// 30 days of rollups and some minutes behind them, written by SQL; the views' times are the
/// medians of three.
void views(Store& store) {
    store.database->transact_blocking([](auto& work) {
        work.exec("SET LOCAL statement_timeout = 0");
        for (const auto* table : {"day", "hour"})
            work.exec(fmt::format(
                "INSERT INTO quorate.rollup_{0} SELECT e.id, t, 60, 0, 0, 300, 300, 10, 20, 30,"
                " decode(repeat('1201', 60), 'hex'), decode(repeat('00', 1200), 'hex')"
                " FROM quorate.endpoint e, generate_series(date_trunc('{0}', now(), 'UTC') -"
                " interval '30 days', date_trunc('{0}', now(), 'UTC'), interval '1 {0}') t",
                table));
        work.exec("INSERT INTO quorate.rolling SELECT id, now(), 20, 20 FROM quorate.endpoint");
        work.exec(
            "INSERT INTO quorate.rollup_progress SELECT s, (SELECT max(minute) FROM quorate.minute)"
            " - interval '10 minutes' FROM generate_series(0, 63) s");
    });
    store.postgres.sql("bench", "VACUUM ANALYZE");
    const std::pair<const char*, const char*> queries[]{
        {"endpoint_status", "SELECT * FROM dash.endpoint_status"},
        {"uptime_30d", "SELECT * FROM dash.uptime_30d"},
        {"uptime_daily_one",
         "SELECT * FROM dash.uptime_daily WHERE tenant = 'default' AND endpoint = 'endpoint-7'"},
        {"minutes_one",
         "SELECT * FROM dash.minute WHERE tenant = 'default' AND endpoint = 'endpoint-7'"}};
    for (const auto& [name, query] : queries)
        std::puts(
            fmt::format(R"({{"view":"{}","ms":{:.1f}}})", name, query_ms(store.conninfo, query, 3))
                .c_str());
}

/// Packs all that was ingested, as the archiver does, and says how fast.
void pack(Store& store) {
    store.database->transact_blocking(
        [](auto& work) { work.exec("UPDATE quorate.rollup_progress SET until = 'infinity'"); });
    CompactionBounds bounds{
        kWindow, UtcTime{std::chrono::hours{1'000'000}}, CompactionWork::kBlocksMax, 5000, {}};
    for (std::uint64_t shard = 0; shard < 64; ++shard)
        bounds.shards.emplace(shard);
    std::size_t minutes = 0;
    EndpointId last{0};
    const auto seconds = seconds_of([&] {
        for (bool is_end = false; !is_end;) {
            const auto some = store.database->transact_blocking(
                [&](auto& work) { return compact(work, bounds, last, {}); });
            minutes += some.minutes;
            last = some.last;
            is_end = some.is_end;
        }
    });
    std::puts(
        fmt::format(R"({{"pack_per_s":{:.0f}}})", static_cast<double>(minutes) / seconds).c_str());
}

}  // namespace
}  // namespace quorate::bench

int main(int argc, char** argv) try {
    quorate::bench::Options options;
    CLI::App app{"What the archive costs"};
    app.add_option("--endpoints", options.fleet.endpoints, "how many");
    app.add_option("--rounds", options.rounds, "of ingestion");
    app.add_option("--minutes", options.minutes, "of a round");
    quorate::bench::HistoryOptions history;
    app.add_option("--history", history.folder, "where days of packed minutes are kept");
    app.add_option("--history-endpoints", history.endpoints, "how many");
    app.add_option("--history-days", history.days, "how many");
    bool only = false;
    app.add_flag("--history-only", only, "nothing else");
    bool ingest_only = false;
    app.add_flag("--ingest-only", ingest_only, "nothing else");
    CLI11_PARSE(app, argc, argv);
    if (app.count("--history") > 0) quorate::bench::measure_history(history);
    if (only) return 0;
    quorate::bench::Store store{options};
    if (!ingest_only) quorate::bench::classify(store.fleet);
    quorate::bench::ingest(options, store);
    if (ingest_only) return 0;
    quorate::bench::hot(options);
    quorate::bench::views(store);
    quorate::bench::pack(store);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_archiver: %s\n", error.what());
    return 1;
}

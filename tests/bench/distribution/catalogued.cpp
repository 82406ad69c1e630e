#include "tests/bench/distribution/catalogued.hpp"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include "coordinator/catalog/apply.hpp"
#include "coordinator/catalog/catalog_store.hpp"
#include "platform/postgres/deployment.hpp"
#include "platform/postgres/migrations.hpp"
#include "platform/runtime/sleep.hpp"
#include "tests/support/beside.hpp"

namespace quorate::bench {
namespace {

const Window kWindow = Window::minute();
constexpr std::uint32_t kShards = 64;
constexpr std::size_t kPerFile = 10'000;

std::string endpoints_file(std::size_t first, std::size_t last) {
    std::string yaml = "endpoints:\n";
    for (auto i = first; i < last; ++i)
        yaml +=
            fmt::format("  - {{name: endpoint-{0}, url: 'https://mcp-{0}.example.com/mcp'}}\n", i);
    return yaml;
}

void apply_all(Database& database, std::size_t endpoints, const Clock& clock) {
    for (std::size_t first = 0; first < endpoints; first += kPerFile) {
        coordinator::ApplyOrder order;
        order.actor.principal = "bench";
        order.files = {
            {"endpoints.yaml", endpoints_file(first, std::min(endpoints, first + kPerFile))}};
        asio::io_context io{1};
        auto applied = asio::co_spawn(
            io,
            coordinator::apply(database, clock, {kWindow, kShards}, std::move(order)),
            asio::use_future);
        io.run();
        const auto outcome = applied.get();
        if (!outcome.errors.empty()) throw std::runtime_error{"the catalogue refuses its file"};
    }
}

}  // namespace

std::vector<std::string> region_names(std::size_t count) {
    std::vector<std::string> names;
    for (std::size_t i = 1; i <= count; ++i)
        names.push_back(fmt::format("region-{:03}", i));
    return names;
}

CatalogueServer::CatalogueServer(CatalogueSize size, const Clock& clock) {
    DatabaseOptions options;
    options.conninfo = postgres_.create_database("bench");
    options.application_name = "bench";
    database_ = std::make_unique<Database>(options);
    migrate(*database_);
    database_->transact_blocking([&](auto& work) {
        settle_deployment(work, kWindow, kShards);
        coordinator::create_regions(work, region_names(size.regions));
    });
    apply_all(*database_, size.endpoints, clock);
}

PlanningCoordinator::PlanningCoordinator(asio::any_io_executor executor,
                                         CatalogueServer& server,
                                         RedisClient& redis,
                                         const Clock& clock)
    : log{"bench", LogLevel::error, clock},
      stored{server.database()},
      catalogue{std::move(executor), stored, kWindow, clock, log},
      dispatcher{
          coordinator::DispatchContext{catalogue, redis, held, kWindow, clock, log, counts}} {
    for (std::uint64_t shard = 0; shard < kShards; ++shard)
        held.hold({ShardId{shard}, 1}, SteadyTime::max());
}

Task<> PlanningCoordinator::run(std::function<Task<>()> body) {
    std::vector<Task<>> services;
    services.push_back(catalogue.follow());
    std::function<Task<>()> once_loaded = [this, &body]() -> Task<> {
        while (!catalogue.complete_until())
            co_await sleep_for(milliseconds{5});
        co_await body();
    };
    co_await testing::beside(std::move(services), std::move(once_loaded));
}

}  // namespace quorate::bench

#include "region-agent/intake/orders.hpp"

#include <utility>

#include "platform/redis/orders.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/wire/cell_record.hpp"

namespace quorate::agent {

Orders::Orders(asio::any_io_executor executor,
               RedisClient& redis,
               RedisClient& reads,
               JobRunner& runner,
               const AgentMetrics& metrics,
               Logger& log,
               std::string region,
               std::function<bool()> stands_aside)
    : redis_{&redis},
      reads_{&reads},
      runner_{&runner},
      metrics_{&metrics},
      log_{&log},
      region_{std::move(region)},
      stands_aside_{std::move(stands_aside)},
      tasks_{std::move(executor), kMax + 1} {}

Task<> Orders::run() {
    tasks_.spawn("orders", take_all());
    co_await tasks_.join();
}

Task<> Orders::take_all() {
    for (;;) {
        auto wait = kAgain;
        std::string refusal;
        try {
            if (!stands_aside_() && tasks_.running() <= kMax) {
                co_await take_one();
                wait = milliseconds{0};
            }
        } catch (const RedisUnavailable&) {  // readiness tells
        } catch (const RedisError& error) {
            refusal = error.what();
        }
        if (!refusal.empty()) {
            wait = kRefused;
            tell_once(refusal);
        }
        if (wait > milliseconds{0}) co_await sleep_for(wait);
    }
}

void Orders::tell_once(const std::string& refusal) {
    if (!std::exchange(refused_, true))
        log_event(*log_, LogLevel::error, "orders.refused", kv("detail", refusal));
}

Task<> Orders::take_one() {
    auto order = co_await take_order(*reads_, region_, kBlock);
    if (!order) co_return;
    const auto& decoded = *order;
    if (!decoded || decoded->region != region_) {
        metrics_->orders.with({"invalid"}).add();
        co_return;
    }
    auto job = *decoded;
    auto name = job.id;
    tasks_.spawn(std::move(name), carry_out(std::move(job)));
}

Task<> Orders::carry_out(Job job) {
    std::string outcome = "unanswered";
    try {
        const auto cell = co_await runner_->run_beside(job);
        if (cell) {
            auto record = wire::encode_record(wire::to_record(job, *cell));
            OrderName name{region_, job.id};
            co_await put_answer(*redis_, std::move(name), std::move(record));
            outcome = "answered";
            refused_ = false;
        }
    } catch (const RedisUnavailable&) {  // readiness tells
    } catch (const RedisError& error) {
        tell_once(error.what());
    }
    metrics_->orders.with({outcome}).add();
}

}  // namespace quorate::agent

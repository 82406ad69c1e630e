#include "tests/simulation/postgres_server.hpp"

#include <algorithm>

namespace quorate::simulation {
namespace {

constexpr milliseconds kWayMax{2};
constexpr milliseconds kStatements{3};       // of a transaction, together
constexpr milliseconds kLook{10};            // of one that waits for locks
constexpr milliseconds kSilenceMax{12'000};  // then a client takes the server for gone
constexpr milliseconds kKeepAlive{20'000};   // then the server takes a client for gone

SteadyTime whole_ms(SteadyTime time) {
    return std::chrono::ceil<milliseconds>(time);
}

}  // namespace

void PostgresServer::transact(Host& host,
                              const std::shared_ptr<Process*>& client,
                              TransactionTerms terms,
                              std::function<void()> body,
                              std::function<void(TransactionEnd)> done) {
    const auto transaction = std::make_shared<Transaction>();
    transaction->host = &host;
    transaction->client = client;
    transaction->terms = std::move(terms);
    transaction->body = std::move(body);
    transaction->done = std::move(done);
    if (host.postgres_cut) {
        world_.in(kSilenceMax, [transaction] { transaction->done(TransactionEnd::lost); });
        return;
    }
    const auto way = world_.chance().between(milliseconds{0}, kWayMax);
    world_.at(whole_ms(world_.now() + way), [this, transaction] { begin(transaction); });
}

void PostgresServer::begin(const std::shared_ptr<Transaction>& transaction) {
    if (!up_) return end(transaction, TransactionEnd::lost);
    if (read_only && transaction->terms.writes) return end(transaction, TransactionEnd::failed);
    transactions_.push_back(transaction);
    try_lock(transaction, world_.now() + transaction->terms.patience);
}

bool PostgresServer::is_free(const Transaction& transaction) const {
    return std::ranges::none_of(transactions_, [&](const auto& other) {
        return other->locked && other.get() != &transaction &&
               std::ranges::any_of(transaction.terms.locks, [&](ShardId shard) {
                   return other->terms.locks.contains(shard);
               });
    });
}

void PostgresServer::try_lock(const std::shared_ptr<Transaction>& transaction, SteadyTime give_up) {
    if (transaction->over) return;
    if (is_free(*transaction)) {
        transaction->locked = true;
        const auto takes =
            kStatements + (transaction->terms.writes ? commit_delay : milliseconds{0});
        world_.at(whole_ms(world_.now() + takes), [this, transaction] { finish(transaction); });
        return;
    }
    if (world_.now() >= give_up) return end(transaction, TransactionEnd::lock_timeout);
    world_.in(kLook, [this, transaction, give_up] { try_lock(transaction, give_up); });
}

/// The client says COMMIT, if it is there to say so.
void PostgresServer::finish(const std::shared_ptr<Transaction>& transaction) {
    if (transaction->over) return;
    const auto client = transaction->client.lock();
    if (client && (*client)->paused()) {
        (*client)->when_resumed([this, transaction] { finish(transaction); });
        return;
    }
    const bool dead = !client || (*client)->dead();
    if (transaction->host->postgres_cut) {  // nobody hears of it
        world_.in(kKeepAlive, [this, transaction] { end(transaction, TransactionEnd::lost); });
        return;
    }
    if (dead) return end(transaction, TransactionEnd::lost);
    transaction->body();
    const bool lost = answers_lost && transaction->terms.writes;
    end(transaction, lost ? TransactionEnd::lost : TransactionEnd::committed);
}

void PostgresServer::end(const std::shared_ptr<Transaction>& transaction, TransactionEnd how) {
    if (std::exchange(transaction->over, true)) return;
    std::erase(transactions_, transaction);
    const auto way = world_.chance().between(milliseconds{0}, kWayMax);
    const auto arrives =
        transaction->host->postgres_cut ? world_.now() + kSilenceMax : world_.now() + way;
    world_.at(whole_ms(arrives), [transaction, how] { transaction->done(how); });
}

std::size_t PostgresServer::end_holders(const std::set<ShardId>& locks) {
    const Transactions all = transactions_;
    std::size_t ended = 0;
    for (const auto& each : all) {
        const bool holds = each->locked && std::ranges::any_of(locks, [&](ShardId shard) {
                               return each->terms.locks.contains(shard);
                           });
        if (!holds) continue;
        end(each, TransactionEnd::lost);
        ++ended;
    }
    return ended;
}

void PostgresServer::stop() {
    up_ = false;
    const Transactions all = transactions_;
    for (const auto& each : all)
        end(each, TransactionEnd::lost);
}

}  // namespace quorate::simulation

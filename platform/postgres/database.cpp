#include "platform/postgres/database.hpp"

#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <libpq-fe.h>

#include "platform/postgres/connection.hpp"
#include "platform/postgres/session.hpp"
#include "platform/postgres/watchdog.hpp"

namespace quorate {
namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

void append(std::string& conninfo, std::string_view key, std::string_view value) {
    conninfo += fmt::format("{}{}='", conninfo.empty() ? "" : " ", key);
    for (const char character : value) {
        if (character == '\'' || character == '\\') conninfo += '\\';
        conninfo += character;
    }
    conninfo += '\'';
}

/// What the operator wrote, keywords or a URI, and bounds on how long a dead network can hold a
/// thread where they say nothing of it. A text that libpq can't read stays as it is: to connect
/// then says why.
std::string with_network_bounds(const DatabaseOptions& options) {
    std::string conninfo;
    const std::unique_ptr<PQconninfoOption, FreeOptions> parsed{
        PQconninfoParse(options.conninfo.c_str(), nullptr)};
    if (!parsed) return options.conninfo;
    std::map<std::string_view, std::string_view> ours{
        {"connect_timeout", "5"},
        {"tcp_user_timeout", "15000"},
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"application_name", options.application_name}};
    for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr) continue;
        ours.erase(option->keyword);
        append(conninfo, option->keyword, option->val);
    }
    for (const auto& [key, value] : ours)
        append(conninfo, key, value);
    return conninfo;
}

/// Classes 08 (connection exception) and 57P0x (the server shuts down, crashed or starts).
bool says_unavailable(const std::string& sqlstate) {
    return sqlstate.starts_with("08") || sqlstate.starts_with("57P0");
}

}  // namespace

struct Database::State {
    std::mutex mutex;
    std::vector<std::unique_ptr<detail::DatabaseConnection>> idle;  // at most one a thread
    std::set<const detail::DatabaseConnection*> leased;
    std::optional<bool> reachable;  // nothing: not tried yet
    std::mutex telling;             // taken before the other
};

/// Takes an idle connection or opens one; gives it back unless it broke.
class Database::Lease {
public:
    explicit Lease(Database& database)
        : database_{database}, connection_{take_idle()}, opened_{!connection_} {
        if (opened_)
            connection_ = std::make_unique<detail::DatabaseConnection>(database_.options_.conninfo);
        const std::lock_guard lock{database_.state_->mutex};
        database_.state_->leased.insert(connection_.get());
    }
    ~Lease() {
        const std::lock_guard lock{database_.state_->mutex};
        database_.state_->leased.erase(connection_.get());
        if (connection_->is_open()) database_.state_->idle.push_back(std::move(connection_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    /// To be called once, before the first transaction.
    void prepare() {
        if (!opened_) return;
        // The second one is for a process of ours that falls asleep amid a transaction.
        const auto bound = std::to_string(database_.options_.statement_timeout.count());
        connection_->set_variable("statement_timeout", bound);
        connection_->set_variable("idle_in_transaction_session_timeout", bound);
    }
    pqxx::connection_base& connection() { return *connection_; }

private:
    /// Those that the server has ended since, as one that restarts does, are closed.
    std::unique_ptr<detail::DatabaseConnection> take_idle() {
        const std::lock_guard lock{database_.state_->mutex};
        auto& idle = database_.state_->idle;
        while (!idle.empty()) {
            auto connection = std::move(idle.back());
            idle.pop_back();
            if (connection->is_fresh()) return connection;
        }
        return nullptr;
    }

    Database& database_;
    std::unique_ptr<detail::DatabaseConnection> connection_;
    bool opened_;
};

Database::Database(DatabaseOptions options)
    : options_{std::move(options)},
      state_{std::make_unique<State>()},
      pool_{options_.connections, options_.queued_max} {
    options_.conninfo = with_network_bounds(options_);
    state_->idle.reserve(options_.connections + 1);
    auto on_found = [this](detail::Watchdog::Found found) {
        report(found == detail::Watchdog::Found::alive);
        if (found == detail::Watchdog::Found::silent) abort_transactions();
    };
    if (options_.watched)
        watchdog_ = std::make_unique<detail::Watchdog>(options_.conninfo, std::move(on_found));
}

Database::~Database() = default;

void Database::perform(const std::function<void(pqxx::work&)>& function) {
    for (int attempt = 1;; ++attempt) {
        bool open = false;
        try {
            Lease lease{*this};
            try {
                lease.prepare();
                pqxx::work work{lease.connection()};
                function(work);
                work.commit();
                report(true);
                return;
            } catch (...) {
                open = lease.connection().is_open();
                throw;
            }
        } catch (const pqxx::transaction_rollback& error) {  // serialization failure, deadlock
            if (!open) {
                report(false);
                throw PostgresUnavailable{detail::one_line(error.what())};
            }
            if (attempt >= kAttemptsMax)
                throw PostgresError{detail::one_line(error.what()), "40001"};
        } catch (const pqxx::sql_error& error) {
            const bool unavailable = !open || says_unavailable(error.sqlstate());
            report(!unavailable);
            if (unavailable) throw PostgresUnavailable{detail::one_line(error.what())};
            throw PostgresError{detail::one_line(error.what()), error.sqlstate()};
        } catch (const pqxx::failure& error) {  // connection broken, commit in doubt
            report(false);
            throw PostgresUnavailable{detail::one_line(error.what())};
        }
    }
}

void Database::abort_transactions() {
    const std::lock_guard lock{state_->mutex};
    for (const auto* connection : state_->leased)
        connection->abort();
}

/// What is told last is what is so: two threads must not tell in another order than they found.
void Database::report(bool reachable) {
    const std::lock_guard telling{state_->telling};
    {
        const std::lock_guard lock{state_->mutex};
        if (state_->reachable == reachable) return;
        state_->reachable = reachable;
    }
    if (options_.on_reachable) options_.on_reachable(reachable);
}

}  // namespace quorate

#include "platform/postgres/database.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include "platform/postgres/connection.hpp"
#include "platform/postgres/session.hpp"

namespace quorate {
namespace {

/// Bounds on how long a dead network can hold a thread; what the operator wrote comes later in the
/// text and wins. A connection URI is taken as it is.
std::string with_network_bounds(const DatabaseOptions& options) {
    if (options.conninfo.find("://") != std::string::npos) return options.conninfo;
    return "connect_timeout=5 tcp_user_timeout=15000 keepalives_idle=10 keepalives_interval=5 "
           "keepalives_count=3 application_name=" +
           options.application_name + " " + options.conninfo;
}

/// Classes 08 (connection exception) and 57P0x (the server shuts down, crashed or starts).
bool says_unavailable(const std::string& sqlstate) {
    return sqlstate.starts_with("08") || sqlstate.starts_with("57P0");
}

}  // namespace

struct Database::State {
    std::mutex mutex;
    std::vector<std::unique_ptr<detail::DatabaseConnection>> idle;  // at most one a thread
    std::optional<bool> reachable;                                  // nothing: not tried yet
};

/// Takes an idle connection or opens one; gives it back unless it broke.
class Database::Lease {
public:
    explicit Lease(Database& database) : database_{database} {
        {
            const std::lock_guard lock{database_.state_->mutex};
            auto& idle = database_.state_->idle;
            if (!idle.empty()) {
                connection_ = std::move(idle.back());
                idle.pop_back();
            }
        }
        if (!connection_) connection_ = database_.connect();
    }
    ~Lease() {
        if (!connection_->is_open()) return;
        const std::lock_guard lock{database_.state_->mutex};
        database_.state_->idle.push_back(std::move(connection_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    pqxx::connection_base& connection() { return *connection_; }

private:
    Database& database_;
    std::unique_ptr<detail::DatabaseConnection> connection_;
};

Database::Database(DatabaseOptions options)
    : options_{std::move(options)},
      state_{std::make_unique<State>()},
      pool_{options_.connections, options_.queued_max} {
    options_.conninfo = with_network_bounds(options_);
    state_->idle.reserve(options_.connections + 1);
}

Database::~Database() = default;

std::unique_ptr<detail::DatabaseConnection> Database::connect() {
    auto connection = std::make_unique<detail::DatabaseConnection>(options_.conninfo);
    connection->set_variable("statement_timeout",
                             std::to_string(options_.statement_timeout.count()));
    return connection;
}

void Database::perform(const std::function<void(pqxx::work&)>& function) {
    for (int attempt = 1;; ++attempt) {
        bool open = false;
        try {
            Lease lease{*this};
            try {
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

void Database::report(bool reachable) {
    {
        const std::lock_guard lock{state_->mutex};
        if (state_->reachable == reachable) return;
        state_->reachable = reachable;
    }
    if (options_.on_reachable) options_.on_reachable(reachable);
}

}  // namespace quorate

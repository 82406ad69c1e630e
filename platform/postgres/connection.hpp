#pragma once

#include <string>

#include <pqxx/pqxx>

extern "C" {
struct pg_conn;
}

namespace quorate::detail {

/// A connection of libpqxx that lets us at libpq's handle, by the policy that opens it: libpqxx 6
/// has no binary COPY.
class DatabaseConnection : public pqxx::connection_base {
public:
    /// Throws pqxx::broken_connection.
    explicit DatabaseConnection(const std::string& conninfo);
    ~DatabaseConnection();
    DatabaseConnection(const DatabaseConnection&) = delete;
    DatabaseConnection& operator=(const DatabaseConnection&) = delete;

    pg_conn* handle() const { return policy_.opened; }

private:
    struct Policy : pqxx::connect_direct {
        using connect_direct::connect_direct;
        handle do_startconnect(handle known) override {
            return opened = connect_direct::do_startconnect(known);
        }
        handle opened = nullptr;
    };
    Policy policy_;
};

}  // namespace quorate::detail

#pragma once

#include <string>

#include <pqxx/pqxx>

extern "C" {
struct pg_conn;
}

namespace quorate::detail {

/// A connection of libpqxx that lets us at libpq's handle, by the policy that opens it: libpqxx 6
/// has no binary COPY. It stays broken once it is broken.
class DatabaseConnection : public pqxx::connection_base {
public:
    /// Throws pqxx::broken_connection.
    explicit DatabaseConnection(const std::string& conninfo);
    ~DatabaseConnection();
    DatabaseConnection(const DatabaseConnection&) = delete;
    DatabaseConnection& operator=(const DatabaseConnection&) = delete;

    pg_conn* handle() const { return policy_.opened; }
    /// Ends whatever waits for the server, which then finds the connection broken. From any thread.
    void abort() const;
    /// Whether a connection that nothing was asked on since its last answer may be used again: all
    /// that a server says unasked is that it ends.
    bool is_fresh() const;

private:
    struct Policy : pqxx::connect_direct {
        using connect_direct::connect_direct;
        handle do_startconnect(handle known) override {
            return opened = connect_direct::do_startconnect(known);
        }
        handle opened = nullptr;
    };
    Policy policy_;
    int alias_ = -1;  // of libpq's socket, which libpq may close and whose number another may get
};

}  // namespace quorate::detail

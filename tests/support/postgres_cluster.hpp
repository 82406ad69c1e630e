#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace quorate::testing {

/// A private PostgreSQL server for tests: its own data folder in a temporary folder, a Unix socket,
/// no TCP port, fsync off, trust authentication. Run by root, the server runs as user `postgres`.
/// Needs Debian's postgresql-15. Everything is removed by the destructor, unless a
/// folder was given.
class PostgresCluster {
public:
    /// Makes the data folder and starts the server. Throws std::runtime_error with the log's tail.
    /// @param buffers_mib shared buffers, in MiB
    explicit PostgresCluster(int buffers_mib = 32);
    /// Keeps the data in `folder`, absolute, and goes on with what is there. With so many MiB of
    /// shared buffers.
    PostgresCluster(std::filesystem::path folder, int buffers_mib);
    ~PostgresCluster();
    PostgresCluster(const PostgresCluster&) = delete;
    PostgresCluster& operator=(const PostgresCluster&) = delete;

    /// Makes a new, empty database and returns the conninfo of its superuser.
    std::string create_database(const std::string& name);
    /// conninfo of `database` as `user`; roles such as quorate_reader need `ALTER ROLE … LOGIN`
    /// first.
    std::string conninfo(const std::string& database, const std::string& user = "postgres") const;
    /// Runs one SQL text in `database` as superuser: rows by line, columns parted by a bar.
    std::string sql(const std::string& database, const std::string& text) const;

    /// Starts the stopped server; returns when it takes connections.
    void start();
    /// Stops it at once but cleanly (fast shutdown).
    void stop();
    /// kill -9 of the postmaster and all its children, as in a crash.
    void kill();
    /// SIGSTOP to the postmaster and all its children: connections stay, nothing is answered.
    void pause();
    /// SIGCONT to them.
    void resume();
    /// stop, start.
    void restart();

private:
    void make_data();
    std::filesystem::path folder_;
    bool kept_ = false;
    int buffers_mib_ = 32;
    pid_t postmaster_ = 0;
};

}  // namespace quorate::testing

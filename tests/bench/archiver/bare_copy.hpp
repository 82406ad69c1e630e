#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "archiver/sealing/seal_plan.hpp"

namespace quorate::bench {

/// A connection of libpq that stores minutes and nothing else: a row in the ledger and a binary
/// COPY in one transaction, which a repeat refuses by the primary key.
class BareCopy {
public:
    /// Throws std::runtime_error where it cannot connect.
    explicit BareCopy(const std::string& conninfo);
    ~BareCopy();
    BareCopy(const BareCopy&) = delete;
    BareCopy& operator=(const BareCopy&) = delete;

    /// Stores ready tuples in one transaction.
    void store(const std::string& tuples, std::size_t count);

    /// Of the server's process behind the connection.
    int backend_pid() const;

private:
    void run(const char* sql);
    void* connection_;
};

/// The rows of a plan as tuples of a binary COPY, sorted by the primary key.
std::string binary_tuples(const std::vector<SealedRow>& rows);

}  // namespace quorate::bench

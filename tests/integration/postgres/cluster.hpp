#pragma once

#include <string>

#include "tests/support/postgres_cluster.hpp"

namespace quorate::testing {

/// One server for all tests of the binary; tests that stop it start it again.
inline PostgresCluster& cluster() {
    static PostgresCluster shared;
    return shared;
}

/// conninfo of a new, empty database.
inline std::string fresh_database() {
    static int count = 0;
    return cluster().create_database("t" + std::to_string(++count));
}
/// Its name, for PostgresCluster::sql.
inline std::string name_of_database(const std::string& conninfo) {
    const auto at = conninfo.find("dbname=") + 7;
    return conninfo.substr(at, conninfo.find(' ', at) - at);
}

}  // namespace quorate::testing

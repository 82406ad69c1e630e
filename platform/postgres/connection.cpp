#include "platform/postgres/connection.hpp"

namespace quorate::detail {

// The base takes no more than the policy's address; init() is what first uses it.
DatabaseConnection::DatabaseConnection(const std::string& conninfo)
    : pqxx::connection_base{policy_}, policy_{conninfo} {
    init();
}

DatabaseConnection::~DatabaseConnection() {
    close();
}

}  // namespace quorate::detail

#include "platform/postgres/connection.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace quorate::detail {

// The base takes no more than the policy's address; init() is what first uses it.
DatabaseConnection::DatabaseConnection(const std::string& conninfo)
    : pqxx::connection_base{policy_}, policy_{conninfo} {
    init();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // libpqxx 7 never reactivates
    inhibit_reactivation(true);
#pragma GCC diagnostic pop
    alias_ = ::fcntl(sock(), F_DUPFD_CLOEXEC, 0);
}

DatabaseConnection::~DatabaseConnection() {
    close();
    if (alias_ >= 0) ::close(alias_);
}

void DatabaseConnection::abort() const {
    if (alias_ >= 0) ::shutdown(alias_, SHUT_RDWR);
}

bool DatabaseConnection::is_fresh() const {
    pollfd socket{sock(), POLLIN, 0};
    return is_open() && ::poll(&socket, 1, 0) == 0;
}

}  // namespace quorate::detail

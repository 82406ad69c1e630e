#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "tests/support/temporary_folder.hpp"

namespace quorate {

/// Debian's authoritative name server NSD with one zone, `quorate.test`, on a port of 127.0.0.1,
/// UDP and TCP. A zone `broken.test` has no file, so that NSD says SERVFAIL to it; to any other it
/// says REFUSED. It dies with this object.
class NameServerProcess {
public:
    /// Starts it and waits until it answers.
    /// @param records  of the zone beside its SOA and NS, in master-file form
    /// Throws std::runtime_error, with the end of its log, where it does not get ready.
    explicit NameServerProcess(const std::string& records);
    NameServerProcess(const NameServerProcess&) = delete;
    NameServerProcess& operator=(const NameServerProcess&) = delete;
    ~NameServerProcess();

    /// `127.0.0.1:PORT`.
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// SIGSTOP: its sockets are there, and nobody answers.
    void pause() const;
    void resume() const;

private:
    void start(const std::string& log_file);
    bool answers() const;

    TemporaryFolder folder_;
    std::uint16_t port_ = 0;
    pid_t process_ = 0;
};

}  // namespace quorate

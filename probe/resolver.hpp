#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include "core/model/failure.hpp"
#include "core/model/protocol.hpp"
#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"

namespace quorate {

struct ResolverOptions {
    /// `ADDRESS` or `ADDRESS:PORT` (`[v6]:PORT`); empty: those of /etc/resolv.conf.
    std::vector<std::string> name_servers;
};

/// Asks DNS for A and AAAA records through c-ares, on the executor, without threads. Hosts of
/// /etc/hosts are honoured; `localhost` and names below it are loopback without asking anybody
/// (RFC 6761 section 6.3). Not safe for several threads.
class Resolver {
public:
    /// Throws std::runtime_error where a name server cannot be read.
    Resolver(boost::asio::any_io_executor executor, const ResolverOptions& options);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    ~Resolver();

    /// The name servers in use, as `ADDRESS:PORT` (`[v6]:PORT`).
    const std::vector<std::string>& name_servers() const;

    /// @return at least one address, in the order of RFC 6724 as far as c-ares sorts; or a Failure
    ///     of phase dns. `dns_timeout` and `dns_server_failure` are told only where two name
    ///     servers agree; with one it is `agent_unhealthy`, because nobody vouches for that one.
    Task<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host,
                                                                IpFamily family,
                                                                Deadline deadline);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace quorate

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include "core/model/failure.hpp"
#include "core/model/protocol.hpp"
#include "core/time/time.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "probe/dns_cache.hpp"

namespace quorate {

struct ResolverOptions {
    /// `ADDRESS` or `ADDRESS:PORT` (`[v6]:PORT`); empty: those of /etc/resolv.conf.
    std::vector<std::string> name_servers;
    std::string hosts_file = "/etc/hosts";
    /// Bound of the cache: a host counts once for A and once for AAAA.
    std::size_t cache_entries_max = 16'384;
};

/// Whether `text` can stand among `name_servers`.
bool is_name_server(std::string_view text);

/// How the resolver was used, over its life; by host and address family.
struct ResolverCounts : DnsCacheCounts {
    std::uint64_t joined = 0;  ///< misses that waited for a question already on its way
    std::size_t entries = 0;   ///< in the cache now
};

/// Whether a negative answer may come from the cache. `anew` asks another name server than the one
/// that gave it: a second look that repeats the first one's memory would be none.
enum class NegativeAnswers : std::uint8_t { cached, anew };

/// Asks DNS for A and AAAA records through c-ares, on the executor, without threads. Answers are
/// kept as long as their zone allows (DnsCache); who asks for what somebody else waits for waits
/// with him. Names of /etc/hosts are honoured; `localhost` and names below it are loopback without
/// asking anybody (RFC 6761 section 6.3). Not safe for several threads.
///
/// A second name server is asked as soon as the first one fails, or is silent for 300 ms; one that
/// was silent or unreachable while another answered comes last for the next 30 s.
class Resolver {
public:
    /// `clock` outlives it. Throws std::runtime_error where a name server cannot be read.
    Resolver(boost::asio::any_io_executor executor,
             const Clock& clock,
             const ResolverOptions& options);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    ~Resolver();

    /// The name servers in use, as `ADDRESS:PORT` (`[v6]:PORT`), each once.
    const std::vector<std::string>& name_servers() const;

    /// @return at least one address, those first that we have a route to, IPv6 before IPv4 among
    ///     them (RFC 6724), else in the order of the name server; or a Failure of phase dns.
    ///     `dns_timeout` and `dns_server_failure` are told only where two name servers agree, see
    ///     probe/dns_witnesses.hpp; else such a failure is `agent_unhealthy`.
    Task<Result<std::vector<boost::asio::ip::address>>> resolve(
        std::string host,
        IpFamily family,
        Deadline deadline,
        NegativeAnswers negative = NegativeAnswers::cached);

    ResolverCounts counts() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace quorate

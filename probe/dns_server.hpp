#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/udp.hpp>

#include "core/model/protocol.hpp"
#include "probe/dns_answer.hpp"

namespace quorate {

/// Reads `ADDRESS`, `ADDRESS:PORT`, `[V6]:PORT`; nothing where it is neither. The port is 53 by
/// default.
std::optional<boost::asio::ip::udp::endpoint> parse_name_server(std::string_view text);

/// The name servers of /etc/resolv.conf, in its order, each once. Throws std::runtime_error where
/// c-ares cannot be set up.
std::vector<boost::asio::ip::udp::endpoint> system_name_servers();

/// One name server, asked through c-ares on the executor, without threads. It has a channel of its
/// own because c-ares, given several servers, does not tell which of them said what. Not safe for
/// several threads.
class DnsServer {
public:
    using Done = std::function<void(DnsAnswer)>;

    /// Throws std::runtime_error where c-ares cannot be set up.
    DnsServer(const boost::asio::any_io_executor& executor,
              const boost::asio::ip::udp::endpoint& address);
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;
    /// Whoever still waits is never called.
    ~DnsServer();

    /// Asks for the addresses of one family: by UDP, once more after 600 ms, by TCP where the
    /// answer is cut short; 1.8 s without an answer is `silent`. Calls `done` once, maybe before it
    /// returns. A name with a dot in it is asked as it stands; only one without goes through the
    /// search domains of the system, so that a URL leads to the same server from every region.
    /// @param family  v4 or v6
    void ask(const std::string& host, IpFamily family, Done done);

private:
    struct Channel;
    std::shared_ptr<Channel> channel_;
};

}  // namespace quorate

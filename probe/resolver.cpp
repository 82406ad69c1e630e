#include "probe/resolver.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <ares.h>

namespace quorate {
namespace {

namespace ip = boost::asio::ip;
using Addresses = std::vector<ip::address>;

constexpr int kTryMs = 900;  // so that two name servers are asked within the budget of 2 s
constexpr int kDnsPort = 53;
constexpr auto kTick = std::chrono::milliseconds{100};

Failure failure(Reason reason, std::string detail) {
    return {Phase::dns, reason, std::move(detail)};
}

/// One name that is being asked for; the callback of c-ares may come after the asker went away.
struct Lookup {
    explicit Lookup(const boost::asio::any_io_executor& executor) : answered{executor} {}
    boost::asio::steady_timer answered;  ///< cancelled by the answer
    bool done = false;
    int status = ARES_ETIMEOUT;
    Addresses addresses;
};

ip::address address_of(const sockaddr& socket_address) {
    if (socket_address.sa_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(socket_address);
        return ip::address_v4{ntohl(v4.sin_addr.s_addr)};
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(socket_address);
    ip::address_v6::bytes_type bytes{};
    std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr), bytes.begin());
    return ip::address_v6{bytes};
}

/// A name server as ResolverOptions takes it.
std::string text_of(const ares_addr_port_node& server) {
    const bool v6 = server.family == AF_INET6;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (v6)
        ares_inet_ntop(AF_INET6, &server.addr.addr6, text.data(), text.size());
    else
        ares_inet_ntop(AF_INET, &server.addr.addr4, text.data(), text.size());
    const int port = server.udp_port != 0 ? server.udp_port : kDnsPort;
    const std::string address{text.data()};
    return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

void on_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* answer) {
    const std::unique_ptr<std::shared_ptr<Lookup>> lookup{
        static_cast<std::shared_ptr<Lookup>*>(argument)};
    auto& [timer, done, result, addresses] = **lookup;
    for (auto* node = answer != nullptr ? answer->nodes : nullptr; node != nullptr;
         node = node->ai_next) {
        const auto address = address_of(*node->ai_addr);
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
            addresses.push_back(address);
    }
    if (answer != nullptr) ares_freeaddrinfo(answer);
    done = true;
    result = status;
    timer.cancel();
}

bool is_localhost(std::string_view host) {
    static constexpr std::string_view kSuffix = ".localhost";
    return host == "localhost" ||
           (host.size() > kSuffix.size() && host.substr(host.size() - kSuffix.size()) == kSuffix);
}

}  // namespace

/// Connects c-ares, which wants to be told of readiness and time, with the executor.
struct Resolver::Impl : std::enable_shared_from_this<Resolver::Impl> {
    struct Watched {
        explicit Watched(const boost::asio::any_io_executor& executor, int descriptor)
            : stream{executor, descriptor} {}
        boost::asio::posix::stream_descriptor stream;
        bool reads = false;
        bool writes = false;
        bool read_waits = false;
        bool write_waits = false;
    };

    explicit Impl(boost::asio::any_io_executor on) : executor{std::move(on)}, ticker{executor} {}
    ~Impl() {
        if (channel != nullptr) ares_destroy(channel);
    }

    void open(const ResolverOptions& options);
    void on_socket(int descriptor, bool reads, bool writes);
    void watch(int descriptor);
    void tick();
    Reason reason_of(int status) const;

    boost::asio::any_io_executor executor;
    boost::asio::steady_timer ticker;
    ares_channel channel = nullptr;
    std::map<int, std::shared_ptr<Watched>> watched;
    std::vector<std::string> name_servers;
    std::size_t pending = 0;
    bool ticking = false;
};

void Resolver::Impl::open(const ResolverOptions& options) {
    static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
    ares_options settings{};
    settings.timeout = kTryMs;
    settings.tries = 2;
    settings.sock_state_cb_data = this;
    settings.sock_state_cb = [](void* self, int descriptor, int reads, int writes) {
        static_cast<Impl*>(self)->on_socket(descriptor, reads != 0, writes != 0);
    };
    constexpr int kMask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (initialised != ARES_SUCCESS ||
        ares_init_options(&channel, &settings, kMask) != ARES_SUCCESS)
        throw std::runtime_error{"the DNS resolver cannot be set up"};
    std::string list;
    for (const auto& server : options.name_servers)
        list += (list.empty() ? "" : ",") + server;
    if (!list.empty() && ares_set_servers_ports_csv(channel, list.c_str()) != ARES_SUCCESS)
        throw std::runtime_error{"name_servers: not addresses of name servers: " + list};
    ares_addr_port_node* servers = nullptr;
    if (ares_get_servers_ports(channel, &servers) != ARES_SUCCESS) return;
    for (auto* node = servers; node != nullptr; node = node->next)
        name_servers.push_back(text_of(*node));
    ares_free_data(servers);
}

void Resolver::Impl::on_socket(int descriptor, bool reads, bool writes) {
    const auto found = watched.find(descriptor);
    if (!reads && !writes) {
        // c-ares closes its descriptor itself.
        if (found != watched.end()) found->second->stream.release();
        watched.erase(descriptor);
        return;
    }
    auto& entry = watched[descriptor];
    if (!entry) entry = std::make_shared<Watched>(executor, descriptor);
    entry->reads = reads;
    entry->writes = writes;
    watch(descriptor);
}

void Resolver::Impl::watch(int descriptor) {
    using Stream = boost::asio::posix::stream_descriptor;
    const auto found = watched.find(descriptor);
    if (found == watched.end()) return;
    const auto entry = found->second;
    const auto wait = [&](Stream::wait_type readiness, bool& waits) {
        waits = true;
        entry->stream.async_wait(
            readiness,
            [self = weak_from_this(), entry, descriptor, readiness, &waits](const auto& error) {
                waits = false;
                const auto impl = self.lock();
                if (error || !impl) return;
                const bool reads = readiness == Stream::wait_read;
                ares_process_fd(impl->channel,
                                reads ? descriptor : ARES_SOCKET_BAD,
                                reads ? ARES_SOCKET_BAD : descriptor);
                impl->watch(descriptor);
            });
    };
    if (entry->reads && !entry->read_waits) wait(Stream::wait_read, entry->read_waits);
    if (entry->writes && !entry->write_waits) wait(Stream::wait_write, entry->write_waits);
}

/// Lets c-ares see the time while somebody waits for an answer.
void Resolver::Impl::tick() {
    if (ticking || pending == 0) return;
    ticking = true;
    ticker.expires_after(kTick);
    ticker.async_wait([self = weak_from_this()](const auto& error) {
        const auto impl = self.lock();
        if (error || !impl) return;
        impl->ticking = false;
        ares_process_fd(impl->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        impl->tick();
    });
}

/// c-ares asks the next name server when one fails, so with two of them a failure is agreed upon.
Reason Resolver::Impl::reason_of(int status) const {
    const bool agreed = name_servers.size() >= 2;
    switch (status) {
        case ARES_ENOTFOUND:
            return Reason::dns_nxdomain;
        case ARES_ENODATA:
            return Reason::dns_no_address;
        case ARES_ETIMEOUT:
            return agreed ? Reason::dns_timeout : Reason::agent_unhealthy;
        case ARES_ESERVFAIL:
        case ARES_EREFUSED:
        case ARES_EFORMERR:
        case ARES_ENOTIMP:
            return agreed ? Reason::dns_server_failure : Reason::agent_unhealthy;
        default:
            return Reason::agent_unhealthy;
    }
}

Resolver::Resolver(boost::asio::any_io_executor executor, const ResolverOptions& options)
    : impl_{std::make_shared<Impl>(std::move(executor))} {
    impl_->open(options);
}

Resolver::~Resolver() = default;

const std::vector<std::string>& Resolver::name_servers() const {
    return impl_->name_servers;
}

Task<Result<Addresses>> Resolver::resolve(std::string host, IpFamily family, Deadline deadline) {
    if (is_localhost(host)) {
        Addresses loopback{ip::address_v4::loopback(), ip::address_v6::loopback()};
        std::erase_if(loopback, [&](const ip::address& address) {
            return (family == IpFamily::v4 && address.is_v6()) ||
                   (family == IpFamily::v6 && address.is_v4());
        });
        co_return loopback;
    }
    const auto impl = impl_;
    const auto lookup = std::make_shared<Lookup>(impl->executor);
    lookup->answered.expires_at(deadline);
    ares_addrinfo_hints hints{};
    hints.ai_family = family == IpFamily::any  ? AF_UNSPEC
                      : family == IpFamily::v4 ? AF_INET
                                               : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    ++impl->pending;
    auto argument = std::make_unique<std::shared_ptr<Lookup>>(lookup);
    ares_getaddrinfo(impl->channel, host.c_str(), nullptr, &hints, on_answer, argument.release());
    impl->tick();
    boost::system::error_code woken;
    constexpr auto kResume = boost::asio::as_tuple(boost::asio::deferred);
    if (!lookup->done) std::tie(woken) = co_await lookup->answered.async_wait(kResume);
    --impl->pending;
    if (!lookup->done && woken) co_return failure(Reason::aborted, "The probe was cancelled");
    const int status = lookup->done ? lookup->status : static_cast<int>(ARES_ETIMEOUT);
    if (status == ARES_SUCCESS && !lookup->addresses.empty()) co_return lookup->addresses;
    const int shown = status == ARES_SUCCESS ? static_cast<int>(ARES_ENODATA) : status;
    const auto reason = impl->reason_of(shown);
    auto detail = "DNS has no answer for " + host + ": " + ares_strerror(shown);
    if (reason == Reason::agent_unhealthy) detail += " (and no second name server agrees)";
    co_return failure(reason, std::move(detail));
}

}  // namespace quorate

#include "probe/dns_server.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <ares.h>

namespace quorate {
namespace {

namespace ip = boost::asio::ip;

constexpr int kFirstTryMs = 600;  // c-ares doubles it for the second
constexpr int kTries = 2;
constexpr auto kTick = std::chrono::milliseconds{100};
constexpr std::uint16_t kDnsPort = 53;
constexpr int kClassIn = 1;
constexpr int kTypeA = 1;
constexpr int kTypeAaaa = 28;

struct DestroyChannel {
    void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
};
using OwnedChannel = std::unique_ptr<ares_channeldata, DestroyChannel>;

OwnedChannel open_channel(ares_options settings, int mask) {
    static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
    // SERVFAIL and its like are answers that we want to see. HOSTALIASES is for login shells.
    settings.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOALIASES;
    settings.timeout = kFirstTryMs;
    settings.tries = kTries;
    mask |= ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
    ares_channel channel = nullptr;
    if (initialised != ARES_SUCCESS || ares_init_options(&channel, &settings, mask) != ARES_SUCCESS)
        throw std::runtime_error{"the DNS resolver cannot be set up"};
    return OwnedChannel{channel};
}

ip::udp::endpoint endpoint_of(const ares_addr_port_node& node) {
    const auto port = static_cast<std::uint16_t>(node.udp_port == 0 ? kDnsPort : node.udp_port);
    if (node.family == AF_INET) return {ip::address_v4{ntohl(node.addr.addr4.s_addr)}, port};
    ip::address_v6::bytes_type bytes{};
    const auto& raw = node.addr.addr6._S6_un._S6_u8;
    std::copy(std::begin(raw), std::end(raw), bytes.begin());
    return {ip::address_v6{bytes}, port};
}

ares_addr_port_node node_of(const ip::udp::endpoint& endpoint) {
    ares_addr_port_node node{};
    node.udp_port = node.tcp_port = endpoint.port();
    if (endpoint.address().is_v4()) {
        node.family = AF_INET;
        node.addr.addr4.s_addr = htonl(endpoint.address().to_v4().to_uint());
        return node;
    }
    node.family = AF_INET6;
    const auto bytes = endpoint.address().to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), std::begin(node.addr.addr6._S6_un._S6_u8));
    return node;
}

/// What the channel's own status says where there is no message to read.
DnsSays says_of(int status) {
    switch (status) {
        case ARES_ETIMEOUT:
            return DnsSays::silent;
        case ARES_ENOTFOUND:  // no search domain has the name, RFC 7686 (.onion)
            return DnsSays::no_such_name;
        case ARES_ENODATA:
            return DnsSays::no_addresses;
        case ARES_ESERVFAIL:
        case ARES_EREFUSED:
        case ARES_EFORMERR:
        case ARES_ENOTIMP:
        case ARES_EBADRESP:
            return DnsSays::server_failure;
        default:
            // ARES_ECONNREFUSED also stands for: no socket, no route, nobody at that port.
            return DnsSays::unreachable;
    }
}

}  // namespace

std::optional<ip::udp::endpoint> parse_name_server(std::string_view text) {
    boost::system::error_code error;
    const auto whole = ip::make_address(text, error);
    if (!error) return ip::udp::endpoint{whole, kDnsPort};
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = ip::make_address(host, error);
    if (error || address.is_v6() != bracketed) return std::nullopt;
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, bad] = std::from_chars(text.data() + colon + 1, end, port);
    if (bad != std::errc{} || rest != end || port == 0) return std::nullopt;
    return ip::udp::endpoint{address, port};
}

std::vector<ip::udp::endpoint> system_name_servers() {
    const auto channel = open_channel({}, 0);
    ares_addr_port_node* nodes = nullptr;
    std::vector<ip::udp::endpoint> servers;
    if (ares_get_servers_ports(channel.get(), &nodes) != ARES_SUCCESS) return servers;
    for (const auto* node = nodes; node != nullptr; node = node->next) {
        const auto server = endpoint_of(*node);
        if (std::find(servers.begin(), servers.end(), server) == servers.end())
            servers.push_back(server);
    }
    ares_free_data(nodes);
    return servers;
}

/// Connects c-ares, which wants to be told of readiness and time, with the executor.
struct DnsServer::Channel : std::enable_shared_from_this<DnsServer::Channel> {
    struct Watched {
        Watched(const boost::asio::any_io_executor& executor, int descriptor)
            : stream{executor, descriptor} {}
        boost::asio::posix::stream_descriptor stream;
        bool reads = false;
        bool writes = false;
        bool read_waits = false;
        bool write_waits = false;
    };
    struct Question {
        Channel* channel;
        IpFamily family;
        Done done;
    };

    Channel(const boost::asio::any_io_executor& on, const ip::udp::endpoint& address);
    ~Channel() {
        closing = true;
        ares.reset();  // before what its callbacks use
    }

    static void on_answer(
        void* argument, int status, int timeouts, unsigned char* message, int size);
    void on_socket(int descriptor, bool reads, bool writes);
    void watch(int descriptor);
    void tick();

    boost::asio::any_io_executor executor;
    boost::asio::steady_timer ticker;
    std::map<int, std::shared_ptr<Watched>> watched;
    std::size_t pending = 0;
    bool ticking = false;
    bool closing = false;
    OwnedChannel ares;
};

DnsServer::Channel::Channel(const boost::asio::any_io_executor& on,
                            const ip::udp::endpoint& address)
    : executor{on}, ticker{on} {
    ares_options settings{};
    settings.sock_state_cb_data = this;
    settings.sock_state_cb = [](void* self, int descriptor, int reads, int writes) {
        static_cast<Channel*>(self)->on_socket(descriptor, reads != 0, writes != 0);
    };
    ares = open_channel(settings, ARES_OPT_SOCK_STATE_CB);
    auto node = node_of(address);
    if (ares_set_servers_ports(ares.get(), &node) != ARES_SUCCESS)
        throw std::runtime_error{"the DNS resolver cannot be set up"};
}

void DnsServer::Channel::on_answer(
    void* argument, int status, int /*timeouts*/, unsigned char* message, int size) {
    const std::unique_ptr<Question> question{static_cast<Question*>(argument)};
    auto& channel = *question->channel;
    if (channel.closing) return;
    --channel.pending;
    DnsAnswer answer;
    if (message != nullptr && size > 0)
        answer = read_dns_answer({message, static_cast<std::size_t>(size)}, question->family);
    else
        answer.says = says_of(status);
    question->done(std::move(answer));
}

void DnsServer::Channel::on_socket(int descriptor, bool reads, bool writes) {
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

void DnsServer::Channel::watch(int descriptor) {
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
                const auto channel = self.lock();
                if (error || !channel) return;
                const bool reads = readiness == Stream::wait_read;
                ares_process_fd(channel->ares.get(),
                                reads ? descriptor : ARES_SOCKET_BAD,
                                reads ? ARES_SOCKET_BAD : descriptor);
                channel->watch(descriptor);
            });
    };
    if (entry->reads && !entry->read_waits) wait(Stream::wait_read, entry->read_waits);
    if (entry->writes && !entry->write_waits) wait(Stream::wait_write, entry->write_waits);
}

/// Lets c-ares see the time while somebody waits for an answer.
void DnsServer::Channel::tick() {
    if (ticking || pending == 0) return;
    ticking = true;
    ticker.expires_after(kTick);
    ticker.async_wait([self = weak_from_this()](const auto& error) {
        const auto channel = self.lock();
        if (error || !channel) return;
        channel->ticking = false;
        ares_process_fd(channel->ares.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        channel->tick();
    });
}

DnsServer::DnsServer(const boost::asio::any_io_executor& executor, const ip::udp::endpoint& address)
    : channel_{std::make_shared<Channel>(executor, address)} {}

DnsServer::~DnsServer() = default;

void DnsServer::ask(const std::string& host, IpFamily family, Done done) {
    const auto channel = channel_;
    const auto ask_for = host.find('.') == host.npos ? ares_search : ares_query;
    const int type = family == IpFamily::v6 ? kTypeAaaa : kTypeA;
    ++channel->pending;
    auto question = std::make_unique<Channel::Question>(
        Channel::Question{channel.get(), family, std::move(done)});
    ask_for(
        channel->ares.get(), host.c_str(), kClassIn, type, Channel::on_answer, question.release());
    channel->tick();
}

}  // namespace quorate

#include "probe/resolver.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "probe/dns_server.hpp"
#include "probe/dns_witnesses.hpp"
#include "probe/hosts_file.hpp"

namespace quorate {
namespace {

namespace ip = boost::asio::ip;
using Addresses = std::vector<ip::address>;

/// A question is given up so long after it was asked first: the budget of phase dns.
constexpr auto kPatience = milliseconds{2000};
/// A name server that has not answered by then gets company.
constexpr auto kNextAfter = milliseconds{300};
/// One that was asked so long ago may be called silent where the asker's own time is up.
constexpr auto kSilentAfter = milliseconds{500};
/// How long a name server that did not answer comes last.
constexpr auto kDemoted = std::chrono::seconds{30};
/// How long the other family may take once one has addresses (RFC 8305 section 3: 50 ms is enough
/// for a user; a probe would rather have both).
constexpr auto kOtherFamily = milliseconds{150};

bool is_localhost(std::string_view host) {
    static constexpr std::string_view kSuffix = ".localhost";
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    return host == "localhost" ||
           (host.size() > kSuffix.size() && host.substr(host.size() - kSuffix.size()) == kSuffix);
}

bool of_family(const ip::address& address, IpFamily family) {
    return family == IpFamily::any || address.is_v4() == (family == IpFamily::v4);
}

Addresses only(IpFamily family, Addresses addresses) {
    std::erase_if(addresses, [&](const auto& address) { return !of_family(address, family); });
    return addresses;
}

/// Whether our routing table knows a way there. Nothing is sent: UDP's connect() looks it up.
bool has_route(const boost::asio::any_io_executor& executor, const ip::address& address) {
    ip::udp::socket socket{executor};
    boost::system::error_code error;
    socket.open(address.is_v4() ? ip::udp::v4() : ip::udp::v6(), error);
    if (!error) socket.connect({address, 9}, error);
    return !error;
}

std::vector<ip::udp::endpoint> servers_of(const ResolverOptions& options) {
    if (options.name_servers.empty()) return system_name_servers();
    std::vector<ip::udp::endpoint> servers;
    for (const auto& text : options.name_servers) {
        const auto server = parse_name_server(text);
        if (!server) throw std::runtime_error{"name_servers: not a name server: " + text};
        // Written twice it would be two witnesses that always agree.
        if (std::find(servers.begin(), servers.end(), *server) == servers.end())
            servers.push_back(*server);
    }
    return servers;
}

std::string text_of(const ip::udp::endpoint& server) {
    const auto address = server.address().to_string();
    return (server.address().is_v6() ? "[" + address + "]" : address) + ":" +
           std::to_string(server.port());
}

/// One question that is on its way, for all who wait for it.
struct Lookup {
    struct Asked {
        std::size_t server;
        SteadyTime at;
        std::optional<DnsSays> says;
    };

    explicit Lookup(const boost::asio::any_io_executor& executor) : plan{executor} {}

    /// What the name servers that were asked come to as witnesses, now.
    std::vector<DnsSays> witnesses(SteadyTime now) const {
        std::vector<DnsSays> result;
        for (const auto& [server, at, says] : asked)
            if (says || now - at >= kSilentAfter) result.push_back(says.value_or(DnsSays::silent));
        return result;
    }

    std::string host;
    IpFamily family{};
    SteadyTime begun;
    boost::asio::steady_timer plan;                   ///< the next name server, or giving up
    std::vector<std::size_t> order;                   ///< of name servers to ask
    std::vector<Asked> asked;                         ///< in the order of asking
    std::vector<boost::asio::steady_timer*> waiters;  ///< on the frames of those who wait
    bool done = false;
    DnsAnswer answer;  ///< a definitive one; without it `done` means that nobody had one
    bool routed = true;
};

/// Waits for lookups to be done; leaves no trace in them.
class Waiter {
public:
    Waiter(const boost::asio::any_io_executor& executor,
           const std::vector<std::shared_ptr<Lookup>>& lookups)
        : timer{executor}, lookups_{lookups} {
        for (const auto& lookup : lookups_)
            lookup->waiters.push_back(&timer);
    }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    ~Waiter() {
        for (const auto& lookup : lookups_)
            std::erase(lookup->waiters, &timer);
    }

    boost::asio::steady_timer timer;

private:
    const std::vector<std::shared_ptr<Lookup>>& lookups_;
};

bool has_addresses(const Lookup& lookup) {
    return lookup.done && lookup.answer.says == DnsSays::addresses;
}

/// The addresses of all lookups, those with a route first.
Addresses addresses_of(const std::vector<std::shared_ptr<Lookup>>& lookups) {
    Addresses result;
    for (const bool routed : {true, false})
        for (const auto& lookup : lookups)
            if (has_addresses(*lookup) && lookup->routed == routed)
                result.insert(
                    result.end(), lookup->answer.addresses.begin(), lookup->answer.addresses.end());
    return result;
}

/// Why a lookup has no addresses.
Failure failure_of(const Lookup& lookup, SteadyTime now) {
    const auto about = "DNS has no answer for " + lookup.host;
    const auto says = lookup.done ? lookup.answer.says : DnsSays::silent;
    if (says == DnsSays::no_such_name)
        return {Phase::dns, Reason::dns_nxdomain, about + ": there is no such name"};
    if (says == DnsSays::no_addresses)
        return {Phase::dns, Reason::dns_no_address, about + ": the name has no address"};
    const auto witnesses = lookup.witnesses(now);
    const auto reason = reason_of(witnesses);
    auto detail = about + ": " + describe(witnesses);
    if (reason == Reason::agent_unhealthy)
        detail += "; without a second one that fails alike this is no fault of the endpoint";
    return {Phase::dns, reason, std::move(detail)};
}

/// Which of two failures decides, where A and AAAA fail in different ways: what is not known weighs
/// more than what is, because an address may hide behind it. (There are name servers that say
/// NXDOMAIN to AAAA for a name that has A records, RFC 4074 section 4.2.)
const Failure& weightier(const Failure& left, const Failure& right) {
    static constexpr std::array kWeightiestFirst{Reason::agent_unhealthy,
                                                 Reason::dns_server_failure,
                                                 Reason::dns_timeout,
                                                 Reason::dns_nxdomain};
    for (const auto reason : kWeightiestFirst) {
        if (left.reason == reason) return left;
        if (right.reason == reason) return right;
    }
    return left;
}

}  // namespace

struct Resolver::Impl : std::enable_shared_from_this<Resolver::Impl> {
    struct Server {
        std::unique_ptr<DnsServer> dns;
        SteadyTime demoted_until{};
    };
    using Key = std::pair<std::string, IpFamily>;

    Impl(boost::asio::any_io_executor on, const Clock& time, const ResolverOptions& options);

    std::shared_ptr<Lookup> look_up(const std::string& host, IpFamily family, NegativeAnswers how);
    std::shared_ptr<Lookup> from_cache(const std::string& host, const DnsCache::Entry& entry);
    std::vector<std::size_t> order_of_servers(std::optional<std::size_t> last);
    void ask_next(const std::shared_ptr<Lookup>& lookup);
    void set_plan(const std::shared_ptr<Lookup>& lookup);
    void on_says(const std::shared_ptr<Lookup>& lookup, std::size_t server, DnsAnswer answer);
    void finish(Lookup& lookup);

    boost::asio::any_io_executor executor;
    const Clock& clock;
    HostsFile hosts;
    DnsCache cache;
    std::uint64_t joined = 0;
    std::map<Key, std::shared_ptr<Lookup>> under_way;
    std::vector<std::string> names;
    std::vector<Server> servers;  // last: their channels call back into what stands above
};

Resolver::Impl::Impl(boost::asio::any_io_executor on,
                     const Clock& time,
                     const ResolverOptions& options)
    : executor{std::move(on)},
      clock{time},
      hosts{options.hosts_file},
      cache{options.cache_entries_max} {
    for (const auto& address : servers_of(options)) {
        servers.push_back({std::make_unique<DnsServer>(executor, address), {}});
        names.push_back(text_of(address));
    }
}

std::shared_ptr<Lookup> Resolver::Impl::from_cache(const std::string& host,
                                                   const DnsCache::Entry& entry) {
    auto lookup = std::make_shared<Lookup>(executor);
    lookup->host = host;
    lookup->done = true;
    lookup->answer = entry.answer;
    lookup->routed = entry.routed;
    return lookup;
}

/// Those that answer first; `last` behind all others, and behind it only those that do not answer.
std::vector<std::size_t> Resolver::Impl::order_of_servers(std::optional<std::size_t> last) {
    const auto now = clock.steady_now();
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < servers.size(); ++i)
        order.push_back(i);
    std::stable_partition(order.begin(), order.end(), [&](auto i) { return i != last; });
    std::stable_partition(
        order.begin(), order.end(), [&](auto i) { return servers[i].demoted_until <= now; });
    return order;
}

/// The question in the cache, on its way, or asked now.
std::shared_ptr<Lookup> Resolver::Impl::look_up(const std::string& host,
                                                IpFamily family,
                                                NegativeAnswers how) {
    const auto now = clock.steady_now();
    const auto [entry, refuted] = cache.find(host, family, now, how == NegativeAnswers::cached);
    if (entry != nullptr) return from_cache(host, *entry);
    const Key key{host, family};
    if (const auto found = under_way.find(key); found != under_way.end()) {
        ++joined;
        return found->second;
    }
    auto lookup = std::make_shared<Lookup>(executor);
    lookup->host = host;
    lookup->family = family;
    lookup->begun = now;
    lookup->order = order_of_servers(refuted);
    under_way.emplace(key, lookup);
    ask_next(lookup);
    return lookup;
}

/// Asks the next name server; gives up where all have failed.
void Resolver::Impl::ask_next(const std::shared_ptr<Lookup>& lookup) {
    if (lookup->asked.size() == lookup->order.size()) {
        const bool all_failed = std::all_of(lookup->asked.begin(),
                                            lookup->asked.end(),
                                            [](const auto& asked) { return asked.says; });
        return all_failed ? finish(*lookup) : set_plan(lookup);
    }
    const auto server = lookup->order[lookup->asked.size()];
    lookup->asked.push_back({server, clock.steady_now(), std::nullopt});
    set_plan(lookup);
    servers[server].dns->ask(
        lookup->host, lookup->family, [self = weak_from_this(), lookup, server](DnsAnswer answer) {
            if (const auto impl = self.lock()) impl->on_says(lookup, server, std::move(answer));
        });
}

void Resolver::Impl::set_plan(const std::shared_ptr<Lookup>& lookup) {
    const bool more = lookup->asked.size() < lookup->order.size();
    const auto left = lookup->begun + kPatience - clock.steady_now();
    lookup->plan.expires_after(more ? std::min<SteadyTime::duration>(left, kNextAfter) : left);
    lookup->plan.async_wait([self = weak_from_this(), lookup](const auto& error) {
        const auto impl = self.lock();
        if (error || !impl || lookup->done) return;
        if (impl->clock.steady_now() - lookup->begun >= kPatience)
            impl->finish(*lookup);
        else
            impl->ask_next(lookup);
    });
}

/// Takes what one name server says. Also where the lookup was given up meanwhile: the answer is in
/// time for the next who asks.
void Resolver::Impl::on_says(const std::shared_ptr<Lookup>& lookup,
                             std::size_t server,
                             DnsAnswer answer) {
    const auto says = answer.says;
    const auto asked = std::find_if(lookup->asked.begin(),
                                    lookup->asked.end(),
                                    [&](const auto& row) { return row.server == server; });
    asked->says = says;
    if (is_definitive(says)) {
        servers[server].demoted_until = {};
        // Who was asked earlier and has said nothing yet, or could not be asked, is in bad shape.
        std::for_each(lookup->asked.begin(), asked, [&](const Lookup::Asked& earlier) {
            const auto said = earlier.says.value_or(DnsSays::silent);
            if (said == DnsSays::silent || said == DnsSays::unreachable)
                servers[earlier.server].demoted_until = clock.steady_now() + kDemoted;
        });
        if (lookup->done && is_definitive(lookup->answer.says)) return;
        const bool routed =
            answer.addresses.empty() || has_route(executor, answer.addresses.front());
        cache.put(lookup->host, lookup->family, {answer, server, routed, {}}, clock.steady_now());
        if (lookup->done) return;
        lookup->answer = std::move(answer);
        lookup->routed = routed;
        return finish(*lookup);
    }
    if (!lookup->done) ask_next(lookup);
}

void Resolver::Impl::finish(Lookup& lookup) {
    lookup.done = true;
    lookup.plan.cancel();
    for (auto* waiter : lookup.waiters)
        waiter->cancel();
    under_way.erase({lookup.host, lookup.family});  // whoever called us holds it too
}

bool is_name_server(std::string_view text) {
    return parse_name_server(text).has_value();
}

Resolver::Resolver(boost::asio::any_io_executor executor,
                   const Clock& clock,
                   const ResolverOptions& options)
    : impl_{std::make_shared<Impl>(std::move(executor), clock, options)} {}

Resolver::~Resolver() = default;

Task<Result<Addresses>> Resolver::resolve(std::string host,
                                          IpFamily family,
                                          Deadline deadline,
                                          NegativeAnswers negative) {
    const auto impl = impl_;
    if (is_localhost(host))
        co_return only(family, {ip::address_v4::loopback(), ip::address_v6::loopback()});
    auto now = impl->clock.steady_now();
    auto given = only(family, impl->hosts.find(host, now));
    if (!given.empty()) co_return given;

    std::vector<std::shared_ptr<Lookup>> lookups;
    if (family != IpFamily::v4) lookups.push_back(impl->look_up(host, IpFamily::v6, negative));
    if (family != IpFamily::v6) lookups.push_back(impl->look_up(host, IpFamily::v4, negative));
    Waiter waiter{impl->executor, lookups};
    constexpr auto kResume = boost::asio::as_tuple(boost::asio::deferred);
    const auto is_done = [](const auto& lookup) { return lookup->done; };
    const auto has_some = [](const auto& lookup) { return has_addresses(*lookup); };
    bool shortened = false;
    while (!std::all_of(lookups.begin(), lookups.end(), is_done)) {
        now = impl->clock.steady_now();
        if (!shortened && std::any_of(lookups.begin(), lookups.end(), has_some)) {
            deadline = std::min(deadline, now + kOtherFamily);
            shortened = true;
        }
        if (now >= deadline) break;
        waiter.timer.expires_after(deadline - now);
        co_await waiter.timer.async_wait(kResume);
        const auto state = co_await boost::asio::this_coro::cancellation_state;
        if (state.cancelled() != boost::asio::cancellation_type::none)
            co_return Failure{Phase::dns, Reason::aborted, "The probe was cancelled"};
    }
    auto addresses = addresses_of(lookups);
    if (!addresses.empty()) co_return addresses;
    now = impl->clock.steady_now();
    const auto first = failure_of(*lookups.front(), now);
    const auto last = failure_of(*lookups.back(), now);
    co_return weightier(first, last);
}

const std::vector<std::string>& Resolver::name_servers() const {
    return impl_->names;
}

ResolverCounts Resolver::counts() const {
    ResolverCounts counts;
    static_cast<DnsCacheCounts&>(counts) = impl_->cache.counts();
    counts.joined = impl_->joined;
    counts.entries = impl_->cache.size();
    return counts;
}

}  // namespace quorate

#include <algorithm>

#include "probe/attempt.hpp"
#include "probe/guard.hpp"

namespace quorate {
namespace {

namespace ip = boost::asio::ip;

constexpr auto kDnsBudget = std::chrono::seconds{2};

bool of_family(const ip::address& address, IpFamily family) {
    switch (family) {
        case IpFamily::any:
            return true;
        case IpFamily::v4:
            return address.is_v4();
        case IpFamily::v6:
            return address.is_v6();
    }
    return false;
}

/// By turns one of each family, as RFC 8305 (section 4) has it, so that however many addresses one
/// has, those of the other are tried too.
void interleave_families(std::vector<ip::address>& addresses) {
    if (addresses.size() < 3) return;
    const bool first_is_v4 = addresses.front().is_v4();
    const auto others =
        std::stable_partition(addresses.begin(), addresses.end(), [&](const ip::address& address) {
            return address.is_v4() == first_is_v4;
        });
    std::vector<ip::address> turns;
    turns.reserve(addresses.size());
    for (auto one = addresses.begin(), other = others; turns.size() < addresses.size();) {
        if (one != others) turns.push_back(*one++);
        if (other != addresses.end()) turns.push_back(*other++);
    }
    addresses = std::move(turns);
}

/// The address that the request gives for this host and port in place of DNS.
std::optional<ip::address> overridden(const ProbeRequest& request, const HttpUrl& url) {
    for (const auto& row : request.overrides) {
        boost::system::error_code error;
        const auto address = ip::make_address(row.address, error);
        if (!error && row.port == url.port && row.host == url.host) return address;
    }
    return std::nullopt;
}

Failure forbidden(const std::vector<ip::address>& addresses) {
    const auto& first = addresses.front();
    return {Phase::dns,
            Reason::address_forbidden,
            "The address " + first.to_string() + " is " + std::string{name_of(kind_of(first))} +
                ", where probes from here may not go"};
}

}  // namespace

Task<Result<std::vector<ip::address>>> resolve_step(Attempt& attempt, const HttpUrl& url) {
    const auto family = attempt.request.ip;
    std::vector<ip::address> addresses;
    if (const auto given = overridden(attempt.request, url)) {
        addresses.push_back(*given);
    } else if (url.is_address) {
        addresses.push_back(ip::make_address(url.host));
    } else {
        const auto negative = attempt.number > 1 ? NegativeAnswers::anew : NegativeAnswers::cached;
        const auto begun = attempt.now();
        const auto limit = std::min(attempt.deadline, begun + kDnsBudget);
        attempt.timer.asked(begun);
        auto resolved = co_await attempt.parts.resolver.resolve(url.host, family, limit, negative);
        attempt.timer.heard(attempt.now());
        if (!resolved) co_return resolved.error();
        addresses = *std::move(resolved);
    }
    std::erase_if(addresses, [&](const ip::address& a) { return !of_family(a, family); });
    if (addresses.empty())
        co_return Failure{Phase::dns,
                          Reason::dns_no_address,
                          url.host + " has no address of the wanted IP version"};
    auto allowed = permitted(addresses, attempt.request.guard, url.loopback_literal);
    if (allowed.empty()) co_return forbidden(addresses);
    interleave_families(allowed);
    std::stable_partition(allowed.begin(), allowed.end(), [&](const ip::address& address) {
        return address != attempt.avoid;
    });
    if (attempt.traced()) attempt.trace("resolved " + url.host + " to " + allowed[0].to_string());
    co_return allowed;
}

}  // namespace quorate

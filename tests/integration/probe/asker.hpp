#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "probe/resolver.hpp"
#include "tests/integration/probe/harness.hpp"

namespace quorate {

using Addresses = std::vector<boost::asio::ip::address>;
using Resolved = std::optional<Result<Addresses>>;

/// Options that ask these name servers alone.
inline ResolverOptions asking(std::vector<std::string> name_servers) {
    ResolverOptions options;
    options.name_servers = std::move(name_servers);
    options.hosts_file = "/nonexistent";
    return options;
}

/// A resolver with its loop, for one test.
struct Asker {
    explicit Asker(const ResolverOptions& options)
        : resolver{std::make_unique<Resolver>(io.get_executor(), clock, options)} {}

    void start(Resolved& outcome,
               const std::string& host,
               IpFamily family = IpFamily::v4,
               milliseconds budget = std::chrono::seconds{2},
               NegativeAnswers negative = NegativeAnswers::cached) {
        auto task = resolver->resolve(host, family, clock.steady_now() + budget, negative);
        boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, auto result) {
            if (thrown) std::rethrow_exception(thrown);
            outcome = std::move(result);
        });
    }
    void finish(const Resolved& outcome) {
        io.restart();
        while (!outcome && io.run_one() > 0) {
        }
    }
    Result<Addresses> ask(const std::string& host,
                          IpFamily family = IpFamily::v4,
                          milliseconds budget = std::chrono::seconds{2},
                          NegativeAnswers negative = NegativeAnswers::cached) {
        Resolved outcome;
        start(outcome, host, family, budget, negative);
        finish(outcome);
        return *outcome;
    }

    boost::asio::io_context io{1};
    ShiftedClock clock;
    std::unique_ptr<Resolver> resolver;
};

/// The addresses, or the reason.
inline std::string text_of(const Result<Addresses>& result) {
    if (!result) return std::string{name_of(result.error().reason)};
    std::string text;
    for (const auto& address : *result)
        text += (text.empty() ? "" : " ") + address.to_string();
    return text;
}

}  // namespace quorate

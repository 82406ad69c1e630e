#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/log.hpp"
#include "platform/telemetry/readiness.hpp"
#include "probe/resolver.hpp"
#include "region-agent/selfcheck/findings.hpp"
#include "region-agent/selfcheck/landmark.hpp"

namespace quorate::agent {

struct SelfCheckOptions {
    std::vector<Landmark> landmarks;
    std::vector<std::string> name_servers;  ///< as of ResolverOptions; each is asked on its own
    std::string bind_address;
    milliseconds every{std::chrono::seconds{15}};
    milliseconds patience{1500};  ///< of one check; all its parts run at once
    /// Between checks that are asked for out of turn, so that many failures cost few checks.
    milliseconds gap_min{1000};
};

/// Whether the agent can see: every `every` it connects to its landmarks, asks each name server,
/// and counts its descriptors. While it is blind (see `blindness`) readiness has the reason
/// `blind`, and what fails says nothing of a server. Checks more often while blind, so that it
/// notices early that it sees again. All members are called on the executor.
class SelfCheck {
public:
    static constexpr const char* kBlind = "blind";  // the reason in /readyz

    SelfCheck(asio::any_io_executor executor,
              const Clock& clock,
              Resolver& resolver,
              Readiness& readiness,
              Logger& log,
              SelfCheckOptions options);

    /// Checks until cancelled.
    Task<> run();

    bool blind() const { return !why_.empty(); }
    /// Of the last check, for people; empty while it sees.
    const std::string& why() const { return why_; }
    const Findings& findings() const { return findings_; }

    /// Whether the agent is blind, by a check that began at `since` or later: waits for one, and
    /// asks for it out of turn. Where nothing vouches for the network (fewer than two landmarks and
    /// name servers) it answers at once what is known. Returns early when cancelled.
    Task<bool> blind_since(SteadyTime since);

private:
    bool judges_network() const;
    Task<> look();
    Task<> try_landmark(Landmark landmark, Deadline deadline, Findings& found);
    Task<> ask(std::string name_server, Deadline deadline, Findings& found);
    void conclude(const Findings& found);
    Task<> wait_for_turn();

    asio::any_io_executor executor_;
    const Clock* clock_;
    Resolver* resolver_;
    Readiness* readiness_;
    Logger* log_;
    SelfCheckOptions options_;
    std::string asked_name_;
    Findings findings_;
    std::string why_;
    SteadyTime begun_ = SteadyTime::min();  // of the last check that has ended
    bool wanted_ = false;                   // out of turn
    asio::steady_timer turn_;
    asio::steady_timer checked_;  // never expires; cancelled when a check has ended
};

}  // namespace quorate::agent

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "core/base/ids.hpp"
#include "core/time/time.hpp"
#include "platform/runtime/task.hpp"

namespace quorate::agent {

/// When an endpoint may be probed from here: one probe at a time, and none before the time that the
/// server itself asked for (`Retry-After` with 429). All members are called on one executor.
class EndpointTurns {
public:
    /// No server can keep us away for longer, whatever it asks for.
    static constexpr std::chrono::seconds kHoldMax{3600};
    /// So many endpoints are held off at a time; one more drops the hold that ends first.
    static constexpr std::size_t kHoldsMax = 10'000;

    /// The right to probe one endpoint, until it goes.
    class Turn {
    public:
        Turn(EndpointTurns& turns, EndpointId endpoint);
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn();

    private:
        EndpointTurns& turns_;
        EndpointId endpoint_;
    };

    /// Waits until no Turn of the endpoint is left; the caller then makes one, at once.
    /// @return false where it was cancelled meanwhile
    Task<bool> wait(EndpointId endpoint);

    /// Keeps probes of `url` away until `wait` from `now`, at most kHoldMax.
    void hold_off(EndpointId endpoint,
                  const std::string& url,
                  SteadyTime now,
                  std::chrono::seconds wait);

    /// The same, with stable_hash of the URL.
    void hold_off(EndpointId endpoint,
                  std::uint64_t url,
                  SteadyTime now,
                  std::chrono::milliseconds wait);

    /// How much of a hold is left, rounded up; nothing where there is none, or none of this URL:
    /// what its owner changed begins anew.
    std::optional<std::chrono::seconds> held_off(EndpointId endpoint,
                                                 const std::string& url,
                                                 SteadyTime now);

    std::size_t holds() const { return holds_.size(); }

private:
    struct Hold {
        std::uint64_t url = 0;
        SteadyTime until;
    };
    void make_room(SteadyTime now);

    std::map<EndpointId, std::shared_ptr<asio::steady_timer>> running_;  // cancelled at their end
    std::map<EndpointId, Hold> holds_;
};

}  // namespace quorate::agent

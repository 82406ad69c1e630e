#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "core/model/failure.hpp"
#include "platform/runtime/clock.hpp"
#include "platform/runtime/task.hpp"
#include "platform/tls/tls_client.hpp"
#include "probe/attempt_timer.hpp"
#include "probe/classify.hpp"
#include "probe/poller.hpp"
#include "probe/response_reader.hpp"

namespace quorate {

class WireTrace;  // probe/wire_trace.hpp

/// One connection of an attempt: TCP, and TLS on it where asked for. A Poller tells readiness; the
/// bytes move by plain non-blocking calls. All waiting is bounded by the attempt's timer. Failures
/// carry the phase of what was done: tcp, tls, or the exchange's own.
class Wire {
public:
    /// @param scratch  where reads go first; shared by all wires of a thread, since its content
    ///     never outlives a suspension
    Wire(Poller& poller, const Clock& clock, AttemptTimer& timer, std::span<char> scratch);
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;
    /// Closes, with close_notify where there is TLS.
    ~Wire();

    /// Connects from `source`, where given.
    Task<Result<void>> connect(boost::asio::ip::tcp::endpoint peer,
                               std::optional<boost::asio::ip::address> source);
    Task<Result<void>> handshake(TlsContext context, std::string host, bool is_address);

    /// Tells `trace` from now on what is sent and received.
    void trace_to(std::unique_ptr<WireTrace> trace);

    /// Sends all of `request`. It stays alive until the task ends.
    Task<Result<void>> send(std::string_view request, Phase phase);
    /// Reads until `reader` has what it wants or wants attention. It stays alive until the task
    /// ends.
    Task<Result<void>> receive(ResponseReader& reader, Phase phase);

    /// Whether the last receive() ended for the sake of the server's requests alone.
    bool wants_attention() const { return wants_attention_; }
    /// Whether more came than the last response had: it belongs to none that was asked for.
    bool has_rest() const { return !rest_.empty(); }
    /// Whether the peer seems to be still there and has sent nothing that nobody asked for. Asks
    /// the kernel.
    bool is_quiet();
    bool has_tls() const { return tls_ != nullptr; }
    const TlsFacts& tls_facts() const { return tls_->facts(); }
    /// errno of the last failure, 0 where it was none.
    int os_error() const { return os_error_; }
    /// The endpoint's time of the attempt when the head of the last response was complete.
    SteadyTime::duration head_after() const { return head_after_; }

private:
    using Io = TlsStep;  // plain sockets tell the same five outcomes

    /// @param pending there is something to read already, which the socket does not know of
    Task<Result<void>> wait(Readiness readiness,
                            WireMoment moment,
                            Phase phase,
                            bool pending = false);
    Io read_some(std::string_view& bytes);
    void note_drained(Io io);
    void asked();
    /// Bytes came. Readiness may be from before we asked for them: then the kernel told nothing of
    /// them, and they count as heard now.
    void heard_untold();
    void keep_rest(std::string_view rest);
    Io write_some(std::string_view bytes, std::size_t& count);
    Failure failure_of_errno(WireMoment moment, Phase phase);
    Failure failure_of_io(WireMoment moment, Phase phase);

    const Clock& clock_;
    AttemptTimer& timer_;
    PolledSocket socket_;
    std::unique_ptr<TlsClient> tls_;
    std::span<char> scratch_;
    std::string rest_;  ///< received and not consumed; mostly empty, so that waiting costs little
    std::unique_ptr<WireTrace> trace_;  ///< nobody listens, mostly
    unsigned ready_at_once_ = 0;        ///< waits in a row that were none
    int os_error_ = 0;
    bool wants_attention_ = false;
    SteadyTime asked_at_{};  ///< our last bytes on an established connection
    SteadyTime::duration head_after_{};
};

}  // namespace quorate

#include "probe/wire.hpp"

#include <array>
#include <cerrno>
#include <system_error>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <openssl/x509.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/base/text.hpp"
#include "probe/wire_trace.hpp"

namespace quorate {
namespace {

using tcp = boost::asio::ip::tcp;
using boost::system::error_code;

constexpr auto kResume = boost::asio::as_tuple(boost::asio::deferred);

Readiness readiness_of(TlsStep wanted) {
    return wanted == TlsStep::want_write ? Readiness::write : Readiness::read;
}

/// So many reads of what is there already are made in a row: about half a megabyte.
constexpr unsigned kReadyAtOnceMax = 8;

std::string text_of_errno(int os_error) {
    return std::generic_category().message(os_error);
}

std::string_view words_for(WireMoment moment) {
    switch (moment) {
        case WireMoment::calling:
        case WireMoment::connecting:
            return "while connecting";
        case WireMoment::handshaking:
            return "during the TLS handshake";
        case WireMoment::before_head:
            return "before a complete response head";
        case WireMoment::in_body:
            return "before the answer was complete";
    }
    return {};
}

}  // namespace

Wire::Wire(Poller& poller, const Clock& clock, AttemptTimer& timer, std::span<char> scratch)
    : clock_{clock}, timer_{timer}, socket_{poller}, scratch_{scratch} {}

Wire::~Wire() {
    if (tls_) tls_->say_goodbye();
}

Failure Wire::failure_of_errno(WireMoment moment, Phase phase) {
    const auto reason = reason_of_errno(os_error_, moment);
    return {phase, reason, text_of_errno(os_error_) + " " + std::string{words_for(moment)}};
}

Failure Wire::failure_of_io(WireMoment moment, Phase phase) {
    if (os_error_ != 0 || !tls_) return failure_of_errno(moment, phase);
    // TLS 1.3 servers refuse a client's certificate after our side of the handshake is done.
    const bool in_body = moment == WireMoment::in_body;
    return {in_body ? phase : Phase::tls,
            in_body ? Reason::response_truncated : Reason::tls_handshake_failed,
            "TLS failed: " + safe_text(tls_->error_text(), 120)};
}

Task<Result<void>> Wire::wait(Readiness readiness, WireMoment moment, Phase phase, bool pending) {
    bool ready = pending || socket_.ready(readiness);
    bool expired = !ready && timer_.expired();
    if (expired) {
        // What has come by now came in time: it is we who are late.
        socket_.poller().look();
        ready = socket_.ready(readiness);
    }
    if (ready && ++ready_at_once_ < kReadyAtOnceMax) {
        timer_.heard(socket_.told_at());
        co_return Result<void>{};
    }
    ready_at_once_ = 0;
    if (ready) {
        // A peer that floods us is ready for ever: the others, and our own timer, get their turn.
        const auto executor = co_await boost::asio::this_coro::executor;
        co_await boost::asio::post(executor, boost::asio::deferred);
        socket_.poller().look();  // nobody does who waits for nothing
        timer_.heard(socket_.told_at());
        expired = timer_.expired();
    }
    const auto cancellation = co_await boost::asio::this_coro::cancellation_state;
    bool cancelled = cancellation.cancelled() != boost::asio::cancellation_type::none;
    if (!cancelled && !expired) {
        if (ready) co_return Result<void>{};
        timer_.watch(socket_);
        const auto [error] = co_await socket_.async_wait(readiness, kResume);
        timer_.release(socket_);
        if (!error) {
            timer_.heard(socket_.told_at());
            co_return Result<void>{};
        }
        cancelled = !timer_.expired();
    }
    timer_.heard(cancelled ? clock_.steady_now() : timer_.limit());
    if (cancelled) co_return Failure{phase, Reason::aborted, "The probe was cancelled"};
    co_return Failure{
        phase, reason_of_timeout(moment), "Time ran out " + std::string{words_for(moment)}};
}

Task<Result<void>> Wire::connect(tcp::endpoint peer,
                                 std::optional<boost::asio::ip::address> source) {
    if (socket_.poller().gathers()) co_await socket_.poller().async_turn_end(boost::asio::deferred);
    os_error_ = socket_.open(peer.protocol().family());
    if (os_error_ == 0 && source) {
        const tcp::endpoint from{*source, 0};
        const int one = 1;  // ports are picked at connect(), so that many share one per peer
        ::setsockopt(socket_.descriptor(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (::bind(socket_.descriptor(), from.data(), from.size()) != 0) os_error_ = errno;
    }
    if (os_error_ == 0 && timer_.expired())
        co_return Failure{Phase::tcp, Reason::timeout_connect, "Time ran out before connecting"};
    bool under_way = false;
    timer_.asked(clock_.steady_now());
    if (os_error_ == 0 && ::connect(socket_.descriptor(), peer.data(), peer.size()) != 0) {
        under_way = errno == EINPROGRESS;
        if (!under_way) os_error_ = errno;
    }
    if (os_error_ == 0) os_error_ = socket_.watch();
    if (os_error_ != 0) co_return failure_of_errno(WireMoment::calling, Phase::tcp);
    if (!under_way) co_return Result<void>{};
    auto ready = co_await wait(Readiness::write, WireMoment::connecting, Phase::tcp);
    if (!ready) co_return ready;
    if (socket_.broken()) {
        socklen_t size = sizeof os_error_;
        ::getsockopt(socket_.descriptor(), SOL_SOCKET, SO_ERROR, &os_error_, &size);
    }
    if (os_error_ != 0) co_return failure_of_errno(WireMoment::connecting, Phase::tcp);
    co_return Result<void>{};
}

Task<Result<void>> Wire::handshake(TlsContext context, std::string host, bool is_address) {
    constexpr auto kMoment = WireMoment::handshaking;
    // Nagle would hold the first request back until the last flight is acknowledged.
    socket_.send_at_once();
    tls_ = std::make_unique<TlsClient>(
        context, socket_.descriptor(), std::move(host), is_address, clock_.utc_now());
    while (true) {
        const auto step = tls_->handshake();
        if (step != TlsStep::want_read || tls_->sent()) heard_untold();
        if (tls_->sent()) asked();
        if (step == TlsStep::done) co_return Result<void>{};
        if (step == TlsStep::closed || (step == TlsStep::failed && tls_->os_error() == 0)) break;
        if (step == TlsStep::failed) {
            os_error_ = tls_->os_error();
            co_return failure_of_errno(kMoment, Phase::tls);
        }
        const auto readiness = readiness_of(step);
        note_drained(step);
        auto ready = co_await wait(readiness, kMoment, Phase::tls);
        if (!ready) co_return ready;
    }
    if (const auto code = tls_->facts().verify_code; code != 0) {
        auto detail =
            "The certificate is not valid: " + std::string{X509_verify_cert_error_string(code)} +
            " (code " + std::to_string(code) + " at depth " +
            std::to_string(tls_->facts().verify_depth) + ")";
        co_return Failure{Phase::tls, reason_of_verify_code(code), std::move(detail)};
    }
    auto words = tls_->error_text().empty() ? "the peer closed the connection" : tls_->error_text();
    co_return Failure{Phase::tls,
                      Reason::tls_handshake_failed,
                      "The TLS handshake failed: " + safe_text(words, 120)};
}

/// Reads once. `bytes` are then what is to be looked at, what was left over before in front.
Wire::Io Wire::read_some(std::string_view& bytes) {
    std::size_t count = 0;
    auto io = Io::done;
    if (tls_) {
        io = tls_->read(scratch_, count);
        os_error_ = tls_->os_error();
    } else {
        const auto received =
            ::recv(socket_.descriptor(), scratch_.data(), scratch_.size(), MSG_DONTWAIT);
        if (received > 0) count = static_cast<std::size_t>(received);
        if (received == 0) io = Io::closed;
        if (received < 0) {
            os_error_ = errno;
            io = errno == EAGAIN || errno == EINTR ? Io::want_read : Io::failed;
        }
    }
    // Less than asked for: that was all there is (epoll(7), on edge-triggered streams).
    if (!tls_ && count < scratch_.size()) socket_.drained(Readiness::read);
    note_drained(io);
    bytes = {scratch_.data(), count};
    if (!rest_.empty()) bytes = rest_.append(bytes);
    return io;
}

void Wire::asked() {
    asked_at_ = clock_.steady_now();
    timer_.asked(asked_at_);
}

void Wire::heard_untold() {
    if (socket_.told_at() < asked_at_) timer_.heard(clock_.steady_now());
}

/// What the socket's next call would find, as far as the last one told.
void Wire::note_drained(Io io) {
    if (io == Io::want_write) socket_.drained(Readiness::write);
    if (tls_ ? tls_->drained() : io == Io::want_read) socket_.drained(Readiness::read);
}

Wire::Io Wire::write_some(std::string_view bytes, std::size_t& count) {
    count = 0;
    if (tls_) {
        const auto io = tls_->write(bytes, count);
        os_error_ = tls_->os_error();
        return io;
    }
    const auto sent =
        ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
        count = static_cast<std::size_t>(sent);
        return Io::done;
    }
    os_error_ = errno;
    return errno == EAGAIN || errno == EINTR ? Io::want_write : Io::failed;
}

void Wire::trace_to(std::unique_ptr<WireTrace> trace) {
    trace_ = std::move(trace);
}

Task<Result<void>> Wire::send(std::string_view request, Phase phase) {
    if (trace_) trace_->sent(request);
    if (socket_.poller().gathers()) co_await socket_.poller().async_turn_end(boost::asio::deferred);
    asked();
    while (!request.empty()) {
        std::size_t count = 0;
        const auto io = write_some(request, count);
        request.remove_prefix(count);
        if (io == Io::done) {
            if (!request.empty()) socket_.send_at_once();  // the last piece may be a small one
            continue;
        }
        if (io == Io::closed) os_error_ = EPIPE;
        if (io == Io::closed || io == Io::failed)
            co_return failure_of_io(WireMoment::before_head, phase);
        const auto readiness = readiness_of(io);
        note_drained(io);
        auto ready = co_await wait(readiness, WireMoment::before_head, phase);
        if (!ready) co_return ready;
    }
    co_return Result<void>{};
}

Task<Result<void>> Wire::receive(ResponseReader& reader, Phase phase) {
    const TraceFlush flush{trace_.get()};
    bool ended = false;
    bool too_few = false;            // what TLS holds is part of a record
    std::string_view bytes = rest_;  // leftovers of the last read are looked at first
    while (true) {
        const bool had_head = reader.head_done();
        const auto moment = had_head ? WireMoment::in_body : WireMoment::before_head;
        if (bytes.empty()) {
            const bool pending = tls_ && tls_->has_pending() && !too_few;
            auto ready = co_await wait(Readiness::read, moment, phase, pending);
            if (!ready) co_return ready;
            const auto io = read_some(bytes);
            too_few = io == Io::want_read;
            if (!too_few) heard_untold();
            if (io == Io::failed) co_return failure_of_io(moment, phase);
            ended = io == Io::closed;
        }
        std::size_t consumed = 0;
        const auto step = ended ? reader.end_of_stream() : reader.feed(bytes, consumed);
        if (trace_) trace_->received(bytes.substr(0, consumed));
        keep_rest(bytes.substr(consumed));
        bytes = {};
        if (!had_head && reader.head_done()) head_after_ = timer_.spent();
        if (step == ReadStep::failed) co_return *reader.failure();
        wants_attention_ = step == ReadStep::attention;
        if (step != ReadStep::need_more) co_return Result<void>{};
    }
}

/// `rest` is the end of what read_some() gave out, or of `rest_` itself.
void Wire::keep_rest(std::string_view rest) {
    if (rest.empty())
        rest_.clear();
    else if (rest_.empty())
        rest_ = rest;
    else
        rest_.erase(0, rest_.size() - rest.size());
}

bool Wire::is_quiet() {
    if (!rest_.empty()) return false;
    if (!tls_) {
        char byte = 0;
        const auto peeked = ::recv(socket_.descriptor(), &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        return peeked < 0 && errno == EAGAIN;
    }
    // Session tickets may have come, which nobody reads before the next answer, or a close_notify:
    // TLS has to tell. What it gives out nobody asked for.
    std::string_view unasked;
    const auto io = read_some(unasked);
    keep_rest(unasked);
    return io == Io::want_read;
}

}  // namespace quorate

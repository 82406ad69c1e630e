#include "tests/integration/probe/harness.hpp"

#include <exception>
#include <optional>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

namespace quorate {
namespace {

ProbeReport run(boost::asio::io_context& io,
                Task<ProbeReport> task,
                std::vector<milliseconds> cancelled_after) {
    std::optional<ProbeReport> report;
    std::exception_ptr thrown;
    boost::asio::cancellation_signal cancel;
    boost::asio::steady_timer timer{io};
    const auto keep = [&](std::exception_ptr failure, ProbeReport result) {
        thrown = std::move(failure);
        report = std::move(result);
        timer.cancel();
    };
    boost::asio::co_spawn(
        io, std::move(task), boost::asio::bind_cancellation_slot(cancel.slot(), keep));
    auto next = cancelled_after.begin();
    const std::function<void()> cancel_next = [&] {
        if (next == cancelled_after.end()) return;
        timer.expires_after(*next++);
        timer.async_wait([&](const boost::system::error_code& error) {
            if (error) return;
            cancel.emit(boost::asio::cancellation_type::terminal);
            cancel_next();
        });
    };
    cancel_next();
    io.restart();
    while (!report && !thrown && io.run_one() > 0) {
    }
    if (thrown) std::rethrow_exception(thrown);
    return *report;
}

}  // namespace

ProbeReport ProbeHarness::probe(ProbeRequest request) {
    return run(io_, engine_.probe(std::move(request)), {});
}

std::vector<ProbeReport> ProbeHarness::probe_together(std::vector<ProbeRequest> requests) {
    std::vector<ProbeReport> reports;
    for (auto& request : requests)
        boost::asio::co_spawn(io_,
                              engine_.probe(std::move(request)),
                              [&](const std::exception_ptr& failure, ProbeReport report) {
                                  if (failure) std::rethrow_exception(failure);
                                  reports.push_back(std::move(report));
                              });
    const auto all = requests.size();
    io_.restart();
    while (reports.size() < all && io_.run_one() > 0) {
    }
    return reports;
}

ProbeReport ProbeHarness::probe_between(ProbeRequest request,
                                        const std::function<void()>& between) {
    std::optional<ProbeReport> report;
    boost::asio::co_spawn(io_,
                          engine_.probe(std::move(request)),
                          [&](const std::exception_ptr& failure, ProbeReport result) {
                              if (failure) std::rethrow_exception(failure);
                              report = std::move(result);
                          });
    io_.restart();
    while (!report) {
        io_.poll_one();
        between();
    }
    return *report;
}

ProbeReport ProbeHarness::probe_cancelled_after(ProbeRequest request,
                                                milliseconds delay,
                                                std::optional<milliseconds> again_after) {
    std::vector<milliseconds> after{delay};
    if (again_after) after.push_back(*again_after);
    return run(io_, engine_.probe(std::move(request)), std::move(after));
}

ProbeRequest request_for(const std::string& url) {
    ProbeRequest request;
    request.url = url;
    request.timeout = std::chrono::seconds{2};
    request.retry_gap = milliseconds{20};
    request.guard.allow_loopback_literal = true;
    return request;
}

std::string name_or_none(const std::optional<Reason>& reason) {
    return reason ? std::string{name_of(*reason)} : "none";
}

std::string name_or_none(const std::optional<Phase>& phase) {
    return phase ? std::string{name_of(*phase)} : "none";
}

}  // namespace quorate

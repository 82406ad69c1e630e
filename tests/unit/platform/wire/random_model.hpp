#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "core/model/cell.hpp"
#include "core/model/job.hpp"

namespace quorate::testing {

/// Random jobs and cells for property tests; the same seed gives the same ones. Tests print it.
class RandomModel {
public:
    explicit RandomModel(std::uint64_t seed) : random_{seed} {}

    std::uint64_t number(std::uint64_t below) { return random_() % below; }
    bool coin() { return number(2) == 0; }

    template <class T>
    std::optional<T> maybe(T value) {
        return coin() ? std::optional<T>{value} : std::nullopt;
    }
    std::string text() {
        static const std::array<std::string, 6> kTexts{
            "", "a", "search_documents", "bücher \xe2\x82\xac", "127.0.0.1", "{\"a\": [1, 2]}"};
        return kTexts[number(kTexts.size())];
    }
    std::string hash() {
        std::string digits;
        for (int i = 0; i < 64; ++i)
            digits.push_back("0123456789abcdef"[number(16)]);
        return coin() ? digits : std::string{};
    }
    UtcTime time() { return UtcTime{microseconds{number(4'000'000'000'000'000)}}; }

    /// A cell of `key`. Start, attempt and agent are drawn from few values, so that ties are
    /// common.
    Cell cell(const CellKey& key) {
        Cell cell;
        cell.key = key;
        cell.verdict = static_cast<Verdict>(number(6));
        if (cell.verdict != Verdict::up) cell.reason = Reason::connection_refused;
        cell.phase = maybe(Phase::tools_list);
        cell.started = maybe(UtcTime{microseconds{1'700'000'000'000'000 + number(300)}});
        cell.attempt = static_cast<std::uint8_t>(number(3));
        cell.agent = "agent-" + std::to_string(number(3));
        cell.retried = coin();
        cell.timings.dns = maybe<std::uint32_t>(number(1000));
        cell.timings.first_byte = maybe<std::uint32_t>(0);
        cell.timings.total = maybe<std::uint32_t>(0xFFFFFFFF);
        cell.timings.tcp = maybe<std::uint32_t>(number(100'000));
        cell.timings.tls = maybe<std::uint32_t>(number(100'000));
        cell.timings.discover = maybe<std::uint32_t>(number(100'000));
        cell.timings.initialize = maybe<std::uint32_t>(number(100'000));
        cell.timings.tools_list = maybe<std::uint32_t>(number(10'000'000));
        cell.timings.tools_call = maybe<std::uint32_t>(number(100'000));
        cell.timings.cleanup = maybe<std::uint32_t>(number(100'000));
        cell.slow = coin();
        cell.slow_over_ms = maybe<std::uint32_t>(number(3000));
        cell.slow_phase = maybe(Phase::tcp);
        cell.http_status = maybe<std::uint16_t>(1 + number(599));
        cell.rpc_code = maybe<std::int64_t>(-32603);
        cell.tls_verify_code = maybe<std::int32_t>(10);
        cell.os_error = maybe<std::int32_t>(111);
        cell.retry_after_s = maybe<std::uint32_t>(number(100));
        cell.credential_sent = coin();
        cell.era = maybe(Era::legacy);
        cell.protocol_version = text();
        cell.server_name = text();
        cell.server_version = text();
        cell.peer_address = text();
        cell.detail = text();
        cell.warnings = Warnings::from_bits(static_cast<std::uint32_t>(number(1U << 20U)));
        cell.tool_count = maybe<std::uint32_t>(number(100));
        cell.semantic_hash = hash();
        cell.full_hash = hash();
        cell.certificate_not_after = maybe(time());
        cell.certificate_earliest_not_after = maybe(time());
        cell.agent_lag_us = static_cast<std::uint32_t>(number(10'000));
        cell.job = text();
        cell.trace_id = text();
        return cell;
    }

    Job job() {
        Job job;
        job.id = "job-" + std::to_string(number(1000));
        job.trace_id = text();
        job.key = {EndpointId{number(1U << 31U)},
                   RegionId{1 + number(255)},
                   UtcMinute::from_epoch_ms(static_cast<std::int64_t>(number(1U << 31U)) * 5000 %
                                            4'000'000'000'000)};
        job.shard = ShardId{number(4096)};
        job.tenant = text();
        job.name = text();
        job.region = text();
        job.window = *Window::of(std::chrono::seconds{coin() ? 60 : 5});
        job.slot = milliseconds{number(5000)};
        job.not_after = time();
        job.cell_slot = static_cast<std::uint32_t>(number(1U << 20U));
        job.regions_mask.add(job.key.region);
        for (auto i = number(32); i > 0; --i)
            job.regions_mask.add(RegionId{1 + number(255)});
        job.expected_cells = static_cast<std::uint32_t>(job.regions_mask.count());
        job.slow_over_ms = maybe<std::uint32_t>(number(3000));
        if (coin())
            job.usual = UsualTimes{maybe<std::uint32_t>(number(100'000)),
                                   maybe<std::uint32_t>(number(100'000)),
                                   maybe<std::uint32_t>(number(100'000)),
                                   maybe<std::uint32_t>(number(10'000'000)),
                                   maybe<std::uint32_t>(number(100'000))};
        job.url = "https://mcp.example.com/" + text();
        job.timeout = milliseconds{1 + number(30'000)};
        job.retry_gap = milliseconds{number(2001)};
        job.era = static_cast<EraMode>(number(4));
        job.era_hint = maybe(Era::sse);
        job.detect_era = coin();
        job.held_back = static_cast<HeldBack>(number(3));
        job.ip = coin() ? IpFamily::v6 : IpFamily::any;
        job.expect.required = coin();
        job.expect.auth_wall = coin();
        for (auto i = number(4); i > 0; --i)
            job.expect.tools.push_back(text());
        if (coin()) {
            job.canary = Canary{text(), text(), {}, coin()};
            for (auto i = number(3); i > 0; --i)
                job.canary->assertions.push_back({text(), text(), text()});
        }
        for (auto i = number(3); i > 0; --i)
            job.headers.emplace_back(text(), text());
        job.health_url = text();
        job.wants_credentials = coin();
        job.credentials = coin() ? hash() + std::string{"\0\x01\xff", 3} : "";
        job.credentials_missing = text();
        return job;
    }

    std::mt19937_64& engine() { return random_; }

private:
    std::mt19937_64 random_;
};

}  // namespace quorate::testing

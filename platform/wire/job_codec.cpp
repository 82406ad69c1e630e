#include "platform/wire/job_codec.hpp"

#include <utility>

#include "core/base/varint.hpp"
#include "platform/wire/message.hpp"

#include "quorate/v1/job.pb.h"

namespace quorate::wire {

namespace {

constexpr std::size_t kJobBytesMax = 256U << 10U;
constexpr std::size_t kNameMax = 128;
constexpr std::size_t kRegionMax = 63;  // the id that follows from it must fit into a name
constexpr std::size_t kUrlMax = 4096;
constexpr std::size_t kTextMax = 64U << 10U;
constexpr std::size_t kMissingMax = 512;
constexpr int kListMax = 1000;
constexpr std::uint32_t kHourMs = 3'600'000;

void write_expectations(const Expectations& expect, v1::Expectations& message) {
    for (const auto& tool : expect.tools)
        message.add_tools(tool);
    message.set_required(expect.required);
    message.set_auth_wall(expect.auth_wall);
}

void write_canary(const Canary& canary, v1::Canary& message) {
    message.set_tool(canary.tool);
    message.set_arguments_json(canary.arguments_json);
    message.set_required(canary.required);
    for (const auto& assertion : canary.assertions) {
        auto& row = *message.add_assertions();
        row.set_path(assertion.path);
        row.set_op(assertion.op);
        row.set_value_json(assertion.value_json);
    }
}

Expectations read_expectations(const v1::Expectations& message, detail::Checks& checks) {
    Expectations expect;
    checks.require(message.tools_size() <= kListMax, "expect.tools", "has too many items");
    for (const auto& tool : message.tools()) {
        checks.text(tool, "expect.tools", kTextMax);
        expect.tools.push_back(tool);
    }
    expect.required = message.required();
    expect.auth_wall = message.auth_wall();
    return expect;
}

Canary read_canary(const v1::Canary& message, detail::Checks& checks) {
    Canary canary;
    canary.tool = message.tool();
    canary.arguments_json = message.arguments_json();
    canary.required = message.required();
    checks.text(canary.tool, "canary.tool", kTextMax);
    checks.text(canary.arguments_json, "canary.arguments_json", kTextMax);
    checks.require(
        message.assertions_size() <= kListMax, "canary.assertions", "has too many items");
    for (const auto& row : message.assertions())
        canary.assertions.push_back({row.path(), row.op(), row.value_json()});
    return canary;
}

void write_usual(const UsualTimes& usual, v1::Job& message) {
    message.set_has_usual(true);
    if (usual.tcp) message.set_usual_tcp_us(*usual.tcp);
    if (usual.tls) message.set_usual_tls_us(*usual.tls);
    if (usual.initialize) message.set_usual_initialize_us(*usual.initialize);
    if (usual.tools_list) message.set_usual_tools_list_us(*usual.tools_list);
    if (usual.rest) message.set_usual_rest_us(*usual.rest);
}

std::optional<UsualTimes> read_usual(const v1::Job& message) {
    if (!message.has_usual()) return std::nullopt;
    UsualTimes usual;
    if (message.has_usual_tcp_us()) usual.tcp = message.usual_tcp_us();
    if (message.has_usual_tls_us()) usual.tls = message.usual_tls_us();
    if (message.has_usual_initialize_us()) usual.initialize = message.usual_initialize_us();
    if (message.has_usual_tools_list_us()) usual.tools_list = message.usual_tools_list_us();
    if (message.has_usual_rest_us()) usual.rest = message.usual_rest_us();
    return usual;
}

void read_schedule(const v1::Job& message, Job& job, detail::Checks& checks) {
    checks.require(message.minute_ms() >= 0 && message.minute_ms() <= detail::kLatestMs,
                   "minute_ms",
                   "is out of range");
    const auto window = Window::of(milliseconds{message.window_ms()});
    checks.require(window.has_value(), "window_ms", "is no window");
    checks.require(message.slot_ms() <= message.window_ms(), "slot_ms", "is above the window");
    checks.require(message.not_after_us() >= 0 && message.not_after_us() <= detail::kLatestUs,
                   "not_after_us",
                   "is out of range");
    checks.require(message.expected_cells() >= 1 && message.expected_cells() <= 255,
                   "expected_cells",
                   "is out of range");
    const auto regions = RegionMask::from_bytes(message.regions_mask());
    checks.require(regions.has_value(), "regions_mask", "is no set of regions");
    checks.require(!regions || (regions->count() == message.expected_cells() &&
                                regions->has(RegionId{message.region_id()})),
                   "regions_mask",
                   "does not fit expected_cells and region_id");
    checks.require(message.cell_slot() <= detail::kCellSlotMax, "cell_slot", "is out of range");
    checks.require(message.timeout_ms() >= 1 && message.timeout_ms() <= kHourMs,
                   "timeout_ms",
                   "is out of range");
    checks.require(message.retry_gap_ms() <= kHourMs, "retry_gap_ms", "is out of range");
    if (!checks.good()) return;
    job.key = {EndpointId{message.endpoint_id()},
               RegionId{message.region_id()},
               UtcMinute::from_epoch_ms(message.minute_ms())};
    job.shard = ShardId{message.shard()};
    job.cell_slot = message.cell_slot();
    job.regions_mask = *regions;
    job.window = *window;
    job.slot = milliseconds{message.slot_ms()};
    job.not_after = UtcTime{microseconds{message.not_after_us()}};
    job.expected_cells = message.expected_cells();
    job.timeout = milliseconds{message.timeout_ms()};
    job.retry_gap = milliseconds{message.retry_gap_ms()};
    if (message.has_slow_over_ms()) job.slow_over_ms = message.slow_over_ms();
    job.usual = read_usual(message);
}

void read_exchange(const v1::Job& message, Job& job, detail::Checks& checks) {
    job.era = checks.enumerator<EraMode>(message.era(), "era", kEraModeNames);
    job.era_hint = checks.optional_enumerator<Era>(message.era_hint(), "era_hint", kEraNames);
    job.detect_era = message.detect_era();
    checks.require(message.held_back() <= static_cast<std::uint32_t>(HeldBack::tenant),
                   "held_back",
                   "is out of range");
    job.held_back = static_cast<HeldBack>(message.held_back());
    job.ip = checks.enumerator<IpFamily>(message.ip(), "ip", kIpFamilyNames);
    job.expect = read_expectations(message.expect(), checks);
    if (message.has_canary()) job.canary = read_canary(message.canary(), checks);
    checks.require(message.headers_size() <= kListMax, "headers", "has too many items");
    for (const auto& header : message.headers()) {
        checks.text(header.name(), "headers", kTextMax);
        checks.text(header.value(), "headers", kTextMax);
        job.headers.emplace_back(header.name(), header.value());
    }
}

/// What an endpoint's version decides.
void write_common(const Job& job, v1::Job& message) {
    message.set_endpoint_id(job.key.endpoint.value());
    message.set_shard(static_cast<std::uint32_t>(job.shard.value()));
    message.set_tenant(job.tenant);
    message.set_name(job.name);
    message.set_window_ms(static_cast<std::uint32_t>(job.window.length().count()));
    message.set_expected_cells(job.expected_cells);
    message.set_url(job.url);
    message.set_timeout_ms(static_cast<std::uint32_t>(job.timeout.count()));
    message.set_retry_gap_ms(static_cast<std::uint32_t>(job.retry_gap.count()));
    message.set_era(static_cast<std::uint32_t>(job.era));
    message.set_ip(static_cast<std::uint32_t>(job.ip));
    write_expectations(job.expect, *message.mutable_expect());
    if (job.canary) write_canary(*job.canary, *message.mutable_canary());
    for (const auto& [name, value] : job.headers) {
        auto& header = *message.add_headers();
        header.set_name(name);
        header.set_value(value);
    }
    message.set_health_url(job.health_url);
    message.set_wants_credentials(job.wants_credentials);
    message.set_cell_slot(job.cell_slot);
    message.set_regions_mask(job.regions_mask.bytes());
}

}  // namespace

std::string encode_job(const Job& job) {
    v1::Job message;
    write_common(job, message);
    if (!job.id.empty()) {
        message.set_id(job.id);
        message.set_trace_id(job.trace_id);
    }
    message.set_region_id(static_cast<std::uint32_t>(job.key.region.value()));
    message.set_region(job.region);
    message.set_minute_ms(job.key.minute.epoch_ms());
    message.set_slot_ms(static_cast<std::uint32_t>(job.slot.count()));
    message.set_not_after_us(job.not_after.time_since_epoch().count());
    if (job.era_hint) message.set_era_hint(static_cast<std::uint32_t>(*job.era_hint));
    message.set_detect_era(job.detect_era);
    message.set_held_back(static_cast<std::uint32_t>(job.held_back));
    if (job.slow_over_ms) message.set_slow_over_ms(*job.slow_over_ms);
    if (job.usual) write_usual(*job.usual, message);
    message.set_credentials(job.credentials);
    message.set_credentials_missing(job.credentials_missing);
    return detail::serialize(message);
}

std::string encode_job_of_endpoint(const Job& job) {
    v1::Job message;
    write_common(job, message);
    return detail::serialize(message);
}

std::string encode_job_of_region(RegionId region, std::string_view name) {
    v1::Job message;
    message.set_region_id(static_cast<std::uint32_t>(region.value()));
    message.set_region(std::string{name});
    return detail::serialize(message);
}

void append_job_turn(const JobTurn& turn, std::string& bytes) {
    const auto append = [&bytes](int field, std::uint64_t value) {
        append_varint(static_cast<std::uint64_t>(field) << 3U, bytes);  // wire type 0
        append_varint(value, bytes);
    };
    append(v1::Job::kMinuteMsFieldNumber, static_cast<std::uint64_t>(turn.minute.epoch_ms()));
    append(v1::Job::kSlotMsFieldNumber, static_cast<std::uint64_t>(turn.slot.count()));
    append(v1::Job::kNotAfterUsFieldNumber,
           static_cast<std::uint64_t>(turn.not_after.time_since_epoch().count()));
    if (turn.era_hint)
        append(v1::Job::kEraHintFieldNumber, static_cast<std::uint64_t>(*turn.era_hint));
    if (turn.detect_era) append(v1::Job::kDetectEraFieldNumber, 1);
    if (turn.held_back != HeldBack::no)
        append(v1::Job::kHeldBackFieldNumber, static_cast<std::uint64_t>(turn.held_back));
    if (turn.slow_over_ms) append(v1::Job::kSlowOverMsFieldNumber, *turn.slow_over_ms);
    if (!turn.usual) return;
    append(v1::Job::kHasUsualFieldNumber, 1);
    for (const auto& [field, us] :
         {std::pair{v1::Job::kUsualTcpUsFieldNumber, turn.usual->tcp},
          std::pair{v1::Job::kUsualTlsUsFieldNumber, turn.usual->tls},
          std::pair{v1::Job::kUsualInitializeUsFieldNumber, turn.usual->initialize},
          std::pair{v1::Job::kUsualToolsListUsFieldNumber, turn.usual->tools_list},
          std::pair{v1::Job::kUsualRestUsFieldNumber, turn.usual->rest}})
        if (us) append(field, *us);
}

void append_job_credentials(std::string_view sealed, std::string_view missing, std::string& bytes) {
    const auto append = [&bytes](int field, std::string_view text) {
        if (text.empty()) return;
        append_varint(static_cast<std::uint64_t>(field) << 3U | 2U, bytes);  // length-delimited
        append_varint(text.size(), bytes);
        bytes += text;
    };
    append(v1::Job::kCredentialsFieldNumber, sealed);
    append(v1::Job::kCredentialsMissingFieldNumber, missing.substr(0, kMissingMax));
}

Decoded<Job> decode_job(std::string_view bytes) {
    v1::Job message;
    if (bytes.size() > kJobBytesMax) return DecodeError{"job: is too long"};
    if (!detail::parse(message, bytes)) return DecodeError{"job: is no quorate.v1.Job"};
    detail::Checks checks;
    Job job;
    job.id = message.id();
    job.trace_id = message.trace_id();
    job.tenant = message.tenant();
    job.name = message.name();
    job.region = message.region();
    job.url = message.url();
    job.health_url = message.health_url();
    checks.text(job.id, "id", kNameMax);
    checks.text(job.trace_id, "trace_id", kNameMax);
    checks.text(job.tenant, "tenant", kNameMax);
    checks.text(job.name, "name", kNameMax);
    checks.text(job.region, "region", kRegionMax);
    checks.text(job.url, "url", kUrlMax);
    checks.text(job.health_url, "health_url", kUrlMax);
    job.wants_credentials = message.wants_credentials();
    job.credentials = message.credentials();
    job.credentials_missing = message.credentials_missing();
    checks.require(job.credentials.size() <= kCredentialsBytesMax, "credentials", "is too long");
    checks.text(job.credentials_missing, "credentials_missing", kMissingMax);
    read_schedule(message, job, checks);
    read_exchange(message, job, checks);
    if (!checks.good()) return checks.error("job");
    if (job.id.empty()) {
        job.id = job_id(job.key, job.region);
        job.trace_id = trace_id_of(job.id);
    }
    return job;
}

}  // namespace quorate::wire

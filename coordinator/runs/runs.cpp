#include "coordinator/runs/runs.hpp"

#include <algorithm>
#include <utility>

#include "coordinator/access/secret.hpp"
#include "core/schedule/schedule.hpp"
#include "core/verdict/slow.hpp"
#include "platform/redis/fleet.hpp"
#include "platform/redis/reply.hpp"
#include "platform/runtime/sleep.hpp"
#include "platform/wire/cell_record.hpp"

namespace quorate::coordinator {
namespace {

constexpr std::size_t kIdDigits = 32;

/// A run of an endpoint, among those under way while it lives.
class Running {
public:
    Running(std::set<std::string>& all, std::string endpoint) : all_{all} {
        if (all.size() >= Runs::kMax)
            throw RunsBusy{"other endpoints are looked at on order already: try again in a minute"};
        const auto tenant = endpoint.substr(0, endpoint.find('/') + 1);
        const auto of_tenant = [&tenant](const auto& each) { return each.starts_with(tenant); };
        if (std::ranges::count_if(all, of_tenant) >= Runs::kOfTenantMax)
            throw RunsBusy{
                "other endpoints of the tenant are looked at on order already: try again "
                "in a minute"};
        const auto [place, first] = all.insert(std::move(endpoint));
        if (!first) throw RunsBusy{*place + " is looked at on order already"};
        place_ = place;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() { all_.erase(place_); }

private:
    std::set<std::string>& all_;
    std::set<std::string>::iterator place_;
};

EndpointVersion version_of(LivingEndpoint living) {
    EndpointVersion version;
    version.endpoint = living.id;
    version.version = living.version;
    version.valid_from = living.valid_from;
    version.regions = std::move(living.regions);
    version.interval = living.interval;
    version.spec = std::move(living.spec);
    return version;
}

/// The cell that an agent made of the job; why not, where the record is another's.
Look look_of(const Job& job, const std::string& record) {
    Look look{job.region, {}, "what its agent answered can't be read: of another version?"};
    const auto decoded = wire::decode_record(record);
    if (!decoded || decoded->key != job.key) return look;
    const auto cell = wire::decode_cell(decoded->key, decoded->cell.fixed, decoded->cell.details);
    if (!cell) return look;
    look.cell = *cell;
    look.unanswered.clear();
    return look;
}

}  // namespace

Task<RunResult> Runs::run(EndpointName endpoint, Actor actor) {
    const auto target = endpoint.tenant + "/" + endpoint.name;
    const Running running{running_, target};
    auto find = [&](pqxx::work& work) {
        auto living = load_living_one(work, endpoint);
        write_audit(
            work, actor, {.method = "RunNow", .target = target, .tenants = {endpoint.tenant}});
        return std::pair{std::move(living), load_regions(work)};
    };
    auto [living, regions] = co_await context_.database.transact(std::move(find));
    const auto version = version_of(std::move(living));
    const auto now = co_await redis_time(context_.redis);
    RunResult result;
    result.spec = version.spec;
    std::vector<Job> jobs;
    for (const auto& region : regions) {
        if (std::ranges::count(version.regions, region.id) == 0) continue;
        jobs.push_back(job_for(version, region, now));
        result.looks.push_back({region.name, {}, {}});
    }
    auto given = jobs;
    co_await give(std::move(given), result.looks);
    co_await collect(jobs, result.looks);
    co_return result;
}

/// As the schedule would have it made now, but that nobody is spared.
Job Runs::job_for(const EndpointVersion& version, const Region& region, UtcTime now) const {
    auto job = common_job(version, context_.window);
    job.id = "run-" + random_secret().substr(0, kIdDigits);
    job.trace_id = trace_id_of(job.id);
    job.key = {version.endpoint, region.id, UtcMinute::containing(now, context_.window)};
    job.region = region.name;
    job.slot = std::chrono::floor<milliseconds>(now - job.key.minute.start());
    job.not_after = now + kBeginsWithin;
    const auto learned = context_.catalogue.learned(version.endpoint, region.id);
    job.era_hint = learned.era;
    std::optional<LatencyBaseline> total;
    if (learned.baseline) {
        total = learned.baseline->total;
        job.usual = learned.baseline->usual;
    }
    job.slow_over_ms = slow_over_ms(version.spec.latency_slo, total);
    if (!job.wants_credentials) return job;
    PlannedVersion planned;
    planned.endpoint = version.endpoint;
    planned.version = version.version;
    planned.credentials = wanted_credentials(version, job);
    const auto& sealed = context_.vault.credentials(planned, region);
    job.credentials = sealed.box;
    job.credentials_missing = sealed.missing;
    return job;
}

Task<> Runs::give(std::vector<Job> jobs, std::vector<Look>& looks) {
    auto failures = co_await give_orders(context_.redis, std::move(jobs));
    for (std::size_t i = 0; i < failures.size(); ++i)
        looks[i].unanswered = std::move(failures[i]);
}

/// Nothing while Redis is away: it may be back before the time is over.
Task<std::vector<std::optional<std::string>>> Runs::answers_to(std::vector<OrderName> names) {
    std::vector<std::optional<std::string>> answers(names.size());
    try {
        answers = co_await read_answers(context_.redis, std::move(names));
    } catch (const RedisUnavailable&) {
    }
    co_return answers;
}

Task<> Runs::collect(const std::vector<Job>& jobs, std::vector<Look>& looks) {
    if (jobs.empty()) co_return;
    const auto& first = jobs.front();
    const auto budget = timing_of(first.timeout, context_.window).budget;
    const auto until = context_.clock.steady_now() + kBeginsWithin + budget + kTravel;
    for (;;) {
        std::vector<std::size_t> awaited;
        std::vector<OrderName> names;
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (looks[i].cell || !looks[i].unanswered.empty()) continue;
            awaited.push_back(i);
            names.push_back({jobs[i].region, jobs[i].id});
        }
        if (names.empty()) co_return;
        auto answers = co_await answers_to(std::move(names));
        for (std::size_t k = 0; k < answers.size(); ++k)
            if (answers[k]) looks[awaited[k]] = look_of(jobs[awaited[k]], *answers[k]);
        if (context_.clock.steady_now() >= until) break;
        co_await sleep_for(kPoll);
    }
    for (auto& look : looks)
        if (!look.cell && look.unanswered.empty())
            look.unanswered =
                "no agent of the region answered: see quorate agents --region " + look.region;
}

}  // namespace quorate::coordinator

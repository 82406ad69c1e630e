#include "platform/wire/job_codec.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/platform/wire/random_model.hpp"

#include "quorate/v1/job.pb.h"

namespace quorate {

static bool operator==(const Job& a, const Job& b) {
    const auto fields = [](const Job& job) {
        return std::tie(job.id,
                        job.trace_id,
                        job.key,
                        job.shard,
                        job.tenant,
                        job.name,
                        job.region,
                        job.window,
                        job.slot,
                        job.not_after,
                        job.expected_cells,
                        job.slow_over_ms,
                        job.usual,
                        job.url,
                        job.timeout,
                        job.retry_gap,
                        job.era,
                        job.era_hint,
                        job.detect_era,
                        job.held_back,
                        job.ip,
                        job.expect,
                        job.canary,
                        job.headers,
                        job.health_url,
                        job.cell_slot,
                        job.regions_mask,
                        job.wants_credentials,
                        job.credentials,
                        job.credentials_missing);
    };
    return fields(a) == fields(b);
}

namespace {

using testing::RandomModel;

TEST(JobCodec, AnyJobComesBackAsItWas) {
    const auto seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    RandomModel random{seed};
    for (int i = 0; i < 2000; ++i) {
        const auto job = random.job();
        const auto bytes = wire::encode_job(job);
        EXPECT_EQ(bytes, wire::encode_job(job));
        const auto decoded = wire::decode_job(bytes);
        ASSERT_TRUE(decoded) << decoded.error().text << ", seed " << seed;
        EXPECT_TRUE(*decoded == job) << "seed " << seed;
    }
}

TEST(JobCodec, AJobWithoutAnIdGetsTheOneOfItsCell) {
    RandomModel random{1};
    auto job = random.job();
    job.id.clear();
    job.trace_id.clear();
    job.region = "eu-west";
    job.key = {EndpointId{7}, RegionId{2}, UtcMinute::from_epoch_ms(1'700'000'000'000)};
    job.regions_mask = {};
    job.regions_mask.add(RegionId{2});
    job.expected_cells = 1;
    const auto decoded = wire::decode_job(wire::encode_job(job));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->id, "1700000000000:7:eu-west");
    // printf 1700000000000:7:eu-west | sha256sum
    EXPECT_EQ(decoded->trace_id, "e5bc688ee740afcba1da3fdede97333e");
}

TEST(JobCodec, ThePartsOfAJobInAnyOrderAreTheJob) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 2000; ++i) {
        auto job = random.job();
        job.id.clear();
        job.trace_id.clear();
        std::string turn;
        wire::append_job_turn({job.key.minute,
                               job.slot,
                               job.not_after,
                               job.era_hint,
                               job.detect_era,
                               job.held_back,
                               job.slow_over_ms,
                               job.usual},
                              turn);
        std::vector<std::string> parts{wire::encode_job_of_endpoint(job),
                                       wire::encode_job_of_region(job.key.region, job.region),
                                       turn,
                                       {}};
        wire::append_job_credentials(job.credentials, job.credentials_missing, parts[3]);
        std::shuffle(parts.begin(), parts.end(), random.engine());
        const auto whole = wire::decode_job(wire::encode_job(job));
        const auto joined = wire::decode_job(parts[0] + parts[1] + parts[2] + parts[3]);
        ASSERT_TRUE(whole && joined) << "seed " << seed;
        EXPECT_TRUE(*joined == *whole) << "seed " << seed;
        EXPECT_TRUE(joined->key == job.key && joined->region == job.region) << "seed " << seed;
    }
}

TEST(JobCodec, CredentialsUpToTheirBoundAreReadAndMoreAreRefused) {
    const auto seed = std::random_device{}();
    auto job = RandomModel{seed}.job();
    job.credentials.assign(wire::kCredentialsBytesMax, 'x');
    const auto most = wire::decode_job(wire::encode_job(job));
    ASSERT_TRUE(most) << "seed " << seed;
    EXPECT_EQ(most->credentials, job.credentials);
    job.credentials += 'x';
    const auto more = wire::decode_job(wire::encode_job(job));
    ASSERT_FALSE(more) << "seed " << seed;
    EXPECT_EQ(more.error().text, "job: credentials: is too long");
}

TEST(JobCodec, DamagedBytesAreAnErrorOrAnotherJobAndNeverACrash) {
    const auto seed = std::random_device{}();
    RandomModel random{seed};
    for (int i = 0; i < 5000; ++i) {
        auto bytes = wire::encode_job(random.job());
        for (auto n = 1 + random.number(4); n > 0; --n)
            bytes[random.number(bytes.size())] = static_cast<char>(random.number(256));
        bytes.resize(random.number(bytes.size() + 1));
        const auto decoded = wire::decode_job(bytes);
        if (!decoded) {
            EXPECT_FALSE(decoded.error().text.empty()) << "seed " << seed;
        }
    }
}

TEST(JobCodec, WhatIsOutOfBoundsIsNamed) {
    RandomModel random{1};
    v1::Job good;
    ASSERT_TRUE(good.ParseFromString(wire::encode_job(random.job())));
    const auto problem = [&](auto&& change) {
        auto message = good;
        change(message);
        const auto decoded = wire::decode_job(message.SerializeAsString());
        return decoded ? std::string{} : decoded.error().text;
    };
    EXPECT_EQ(problem([](v1::Job&) {}), "");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_window_ms(7000); }),
              "job: window_ms: is no window");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_era(9); }), "job: era: unknown number 9");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_ip(5); }), "job: ip: unknown number 5");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_timeout_ms(0); }),
              "job: timeout_ms: is out of range");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_expected_cells(0); }),
              "job: expected_cells: is out of range");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_minute_ms(-1); }),
              "job: minute_ms: is out of range");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_cell_slot(1U << 20U); }),
              "job: cell_slot: is out of range");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_regions_mask("\x01"); }),
              "job: regions_mask: is no set of regions");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_regions_mask(std::string(33, '\2')); }),
              "job: regions_mask: is no set of regions");
    EXPECT_EQ(problem([](v1::Job& job) { job.clear_regions_mask(); }),
              "job: regions_mask: does not fit expected_cells and region_id");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_region(std::string(64, 'x')); }),
              "job: region: is too long");
    EXPECT_EQ(problem([](v1::Job& job) { job.set_url(std::string(5000, 'x')); }),
              "job: url: is too long");
    EXPECT_EQ(wire::decode_job("\xff\xff").error().text, "job: is no quorate.v1.Job");
    EXPECT_EQ(wire::decode_job(std::string(300'000, 'x')).error().text, "job: is too long");
}

}  // namespace
}  // namespace quorate

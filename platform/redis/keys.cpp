#include "platform/redis/keys.hpp"

namespace quorate::keys {

namespace {

std::string of_region(std::string_view region, std::string_view what) {
    return "{r" + std::string{region} + "}:" + std::string{what};
}

std::string of_shard(ShardId shard, std::string_view what) {
    return "{s" + std::to_string(shard.value()) + "}:" + std::string{what};
}

std::string of_region_in(ShardId shard, RegionId region, std::string_view what) {
    return of_shard(shard, "r") + std::to_string(region.value()) + ":" + std::string{what};
}

std::string of_minute(ShardId shard, RegionId region, std::string_view what, UtcMinute minute) {
    return of_region_in(shard, region, what) + ":" + std::to_string(minute.epoch_ms());
}

}  // namespace

std::string jobs(std::string_view region) {
    return of_region(region, "jobs");
}
std::string planned(std::string_view region) {
    return of_region(region, "planned");
}
std::string fence(std::string_view region) {
    return of_region(region, "fence");
}
std::string missed(std::string_view region) {
    return of_region(region, "missed");
}
std::string holds(std::string_view region) {
    return of_region(region, "holds");
}
std::string manifest(std::string_view region, std::string_view full_hash) {
    return of_region(region, "manifest:" + std::string{full_hash});
}
std::string orders(std::string_view region) {
    return of_region(region, "orders");
}
std::string answer(std::string_view region, std::string_view id) {
    return of_region(region, "answer:" + std::string{id});
}
std::string agents(std::string_view region) {
    return of_region(region, "agents");
}
std::string counts(std::string_view region) {
    return of_region(region, "counts");
}
std::string cordoned(std::string_view region) {
    return of_region(region, "cordoned");
}
std::string lease(SharedWork work, ShardId shard) {
    return of_shard(shard, work == SharedWork::planning ? "lease" : "seal_lease");
}
std::string heartbeats(SharedWork work) {
    return work == SharedWork::planning ? "{coordinators}:heartbeats" : "{archivers}:heartbeats";
}
std::string cells(ShardId shard, RegionId region, UtcMinute minute, std::uint32_t block) {
    return of_minute(shard, region, "c", minute) + ":" + std::to_string(block);
}
std::string presence(ShardId shard, RegionId region, UtcMinute minute) {
    return of_minute(shard, region, "p", minute);
}
std::pair<std::string, std::string> presence_of_regions(ShardId shard, UtcMinute minute) {
    return {of_shard(shard, "r"), ":p:" + std::to_string(minute.epoch_ms())};
}
std::string details(ShardId shard, RegionId region, UtcMinute minute) {
    return of_minute(shard, region, "d", minute);
}
std::string done(ShardId shard, RegionId region) {
    return of_region_in(shard, region, "done");
}
std::string late(ShardId shard, RegionId region) {
    return of_region_in(shard, region, "late");
}
std::string sealed(ShardId shard) {
    return of_shard(shard, "sealed");
}

}  // namespace quorate::keys

#include "platform/redis/keys.hpp"

namespace quorate::keys {

namespace {

std::string of_region(std::string_view region, std::string_view what) {
    return "{r" + std::string{region} + "}:" + std::string{what};
}

std::string of_shard(ShardId shard, std::string_view what) {
    return "{s" + std::to_string(shard.value()) + "}:" + std::string{what};
}

}  // namespace

std::string jobs(std::string_view region) {
    return of_region(region, "jobs");
}
std::string planned(std::string_view region) {
    return of_region(region, "planned");
}
std::string agents(std::string_view region) {
    return of_region(region, "agents");
}
std::string minute(ShardId shard, UtcMinute minute) {
    return of_shard(shard, "m:" + std::to_string(minute.epoch_ms()));
}
std::string done(ShardId shard) {
    return of_shard(shard, "done");
}
std::string sealed(ShardId shard) {
    return of_shard(shard, "sealed");
}
std::string late(ShardId shard) {
    return of_shard(shard, "late");
}
std::string cell_field(EndpointId endpoint, RegionId region) {
    return std::to_string(endpoint.value()) + ":" + std::to_string(region.value());
}

}  // namespace quorate::keys

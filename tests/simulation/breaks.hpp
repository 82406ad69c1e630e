#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/base/enum_names.hpp"
#include "tests/simulation/nodes.hpp"

namespace quorate::simulation {

inline constexpr std::array kBreakNames{
    EnumName<Break>{Break::none, "none"},
    EnumName<Break>{Break::ack_before_write, "ack-before-write"},
    EnumName<Break>{Break::no_fencing, "no-fencing"},
    EnumName<Break>{Break::watermark_outside, "watermark-outside"},
    EnumName<Break>{Break::unknown_as_fail, "unknown-as-fail"},
    EnumName<Break>{Break::merge_overwrites, "merge-overwrites"},
};
constexpr std::string_view name_of(Break broken) {
    return enum_name(kBreakNames, broken);
}

/// What a process works with, and the place where a safeguard is taken out if the run wants that.
std::shared_ptr<detail::RedisRoute> archiver_route(Ground& ground, Host& host, Process& process);
std::shared_ptr<detail::RedisRoute> reads_route(Ground& ground, Host& host, Process& process);
std::unique_ptr<ArchiveClient> archive_client(Ground& ground, Host& host, Process& process);
/// Likewise of the stores themselves, before anything runs.
void break_stores(Ground& ground);

}  // namespace quorate::simulation

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.hpp"

namespace quorate {

/// The name of the ACL user of a region's agents: `agent-<region>`.
std::string agent_acl_user(std::string_view region);

/// What the ACL user of a region's agents may do, as the words behind `ACL SETUSER name`; they
/// replace all rules that the user had, and leave its passwords and whether it is on. Needs Redis
/// 7, which has rules that hold together commands and keys (selectors).
///
/// It can take jobs of this region alone, read and write heartbeats of this region alone, write and
/// read cells of this region alone, read which of its agents are cordoned, and set tool lists of
/// this region alone, which it can't read. Of other regions it reads which cells are in, since the
/// last one to come in announces the minute, and of shards up to where they are sealed.
///
/// It runs scripts that Redis knows already and brings none of its own: one that loops would hold
/// up Redis for everybody. See `agent_scripts`.
/// @param name the region's, `[a-z0-9-]`: it becomes part of key patterns
std::vector<std::string> agent_acl_rules(std::string_view name, RegionId region);

/// The scripts that agents run, for SCRIPT LOAD on each master by somebody who may: again and
/// again, for Redis forgets them at its end and does not tell replicas.
std::vector<std::string_view> agent_scripts();

}  // namespace quorate

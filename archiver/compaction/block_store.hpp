#pragma once

#include <map>

#include <pqxx/pqxx>

#include "archiver/compaction/minute_block.hpp"
#include "core/base/ids.hpp"
#include "core/time/time.hpp"

namespace quorate {

struct BlockKey {
    EndpointId endpoint;
    UtcTime start;
    friend auto operator<=>(const BlockKey&, const BlockKey&) = default;
};
using Blocks = std::map<BlockKey, MinuteBlock>;

/// Writes new blocks, with the kinds and places that they need. In the caller's transaction; throws
/// what libpqxx throws, where one stands there already too.
void store_blocks(pqxx::work& work, const Blocks& blocks);

}  // namespace quorate

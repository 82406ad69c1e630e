#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "archiver/sealing/seal_plan.hpp"
#include "core/model/cell.hpp"

namespace quorate {

/// Names of the regions, by id; a region that is not in it goes by its number.
using RegionNames = std::map<RegionId, std::string>;

/// The text of `details` of quorate.minute: by region id, what is not packed. Of an UP cell the
/// agent and its warnings alone; nothing where no cell has anything.
std::string details_json(const std::vector<Cell>& cells);

/// The entry of one cell in `details`.
boost::json::object cell_details(const Cell& cell);

/// The text of `inputs` of an incident's event: everything that the decision was made from.
std::string inputs_json(const SealedRow& row, const RegionNames& names);
/// The same of a close for which no minute was sealed, as its endpoint was deleted.
std::string inputs_of_deletion();

/// Where changes of notices came from.
struct NoticeContext {
    const EndpointVersion& version;
    UtcMinute minute;
    const RegionNames& names;
    std::optional<std::uint64_t> silenced_by;  ///< the silence that the minute is under
};

/// The payload of a row in the outbox, for a change of a notice. @param change `opened`, …
std::string notice_payload(const NoticeContext& context,
                           const NoticeChange& notice,
                           std::uint64_t id,
                           const char* change);

/// The payload of a row in the outbox, for an entry of an incident's timeline.
/// @param silenced_by the silence because of which nobody is to be told
std::string notice_json(const EndpointVersion& version,
                        const Transition& transition,
                        IncidentId incident,
                        const RegionNames& names,
                        std::optional<std::uint64_t> silenced_by);

}  // namespace quorate

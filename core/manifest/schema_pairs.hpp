#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>

namespace quorate {

/// Which schemas of two lists belong together, by their indexes.
struct SchemaPairs {
    std::vector<std::pair<std::size_t, std::size_t>> both;
    std::vector<std::size_t> gone;   ///< of the list before
    std::vector<std::size_t> added;  ///< of the list now
};

/// For lists whose order counts: by place.
SchemaPairs pairs_in_order(const boost::json::array& before, const boost::json::array& now);

/// For lists whose order does not count: those of the same contract first; where as many are left
/// on both sides each of them was changed, and they pair in their order.
SchemaPairs pairs_by_contract(const boost::json::array& before, const boost::json::array& now);

}  // namespace quorate

#include "core/manifest/schema_pairs.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "core/manifest/manifest.hpp"

namespace quorate {

SchemaPairs pairs_in_order(const boost::json::array& before, const boost::json::array& now) {
    SchemaPairs pairs;
    for (std::size_t i = 0; i < std::max(before.size(), now.size()); ++i) {
        if (i >= now.size())
            pairs.gone.push_back(i);
        else if (i >= before.size())
            pairs.added.push_back(i);
        else
            pairs.both.emplace_back(i, i);
    }
    return pairs;
}

SchemaPairs pairs_by_contract(const boost::json::array& before, const boost::json::array& now) {
    SchemaPairs pairs;
    std::multimap<std::string, std::size_t> open;
    for (std::size_t i = 0; i < now.size(); ++i)
        open.emplace(contract_text_of_schema(now[i]), i);
    for (std::size_t i = 0; i < before.size(); ++i) {
        const auto match = open.find(contract_text_of_schema(before[i]));
        if (match == open.end()) {
            pairs.gone.push_back(i);
            continue;
        }
        pairs.both.emplace_back(i, match->second);
        open.erase(match);
    }
    for (const auto& [text, index] : open)
        pairs.added.push_back(index);
    std::sort(pairs.added.begin(), pairs.added.end());
    if (pairs.gone.size() != pairs.added.size()) return pairs;
    for (std::size_t i = 0; i < pairs.gone.size(); ++i)
        pairs.both.emplace_back(pairs.gone[i], pairs.added[i]);
    pairs.gone.clear();
    pairs.added.clear();
    return pairs;
}

}  // namespace quorate

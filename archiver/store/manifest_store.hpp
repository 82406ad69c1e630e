#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <pqxx/pqxx>

#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// What a tool list says (manifest_text), as it is stored.
struct StoredList {
    std::string full_hash;
    std::string text;
};

/// Of the texts at hand those that the plan's minutes name, by their full hashes.
std::set<std::string> named_texts(const SealPlan& plan);

/// Those of the lists, by their full hashes, of which is stored what they say.
std::set<std::string> stored_lists(pqxx::work& work, const std::set<std::string>& full_hashes);

/// What lists say whose full hashes begin so, as far as it is stored; at most so many, and at most
/// so many bytes of them.
std::vector<StoredList> load_lists(pqxx::work& work,
                                   const std::set<std::uint64_t>& fronts,
                                   std::size_t lists_max,
                                   std::size_t bytes_max);

/// Stores a plan's tool lists: what each says once, and per region when it was seen. Notes in
/// `plan.without_text` the lists of which it is not stored what they say, of those that are new to
/// a region. Within the caller's transaction.
void store_manifests(pqxx::work& work, SealPlan& plan);

}  // namespace quorate

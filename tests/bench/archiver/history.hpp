#pragma once

#include <filesystem>
#include <string>

#include "tests/bench/archiver/sealed_fleet.hpp"

namespace quorate::bench {

struct HistoryOptions {
    std::filesystem::path folder;  ///< where its Postgres stays for the next run
    std::size_t endpoints = 2500;
    int days = 30;
};

/// Times the dashboards' queries over days of packed minutes of a whole fleet, and counts their
/// bytes: prints a line of JSON for each figure. One day is packed by the archiver's own code, hour
/// by hour; the others are copies of it. Made once and kept in the folder.
void measure_history(const HistoryOptions& options);

/// Makes the catalogue's rows of a fleet in a new database, by its superuser.
void make_catalogue(const std::string& conninfo, const SealedFleet& fleet);

/// Median of so many runs of the query in a session of its own, its rows fetched, in milliseconds.
double query_ms(const std::string& conninfo, const std::string& query, int runs);

}  // namespace quorate::bench

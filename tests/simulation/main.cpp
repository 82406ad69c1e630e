// Runs seeds, on several cores, and says what came of them.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/simulation/breaks.hpp"
#include "tests/simulation/simulation.hpp"

namespace quorate::simulation {
namespace {

struct Order {
    std::uint64_t seed = 1;
    std::uint64_t count = 1;
    unsigned workers = 0;
    Break broken = Break::none;
    bool tells = false;
};

/// Of many seeds.
struct Sums {
    std::uint64_t seeds = 0;
    std::uint64_t failed = 0;
    std::optional<std::uint64_t> first_failed;
    std::uint64_t incidents = 0;
    std::uint64_t minutes = 0;
    std::uint64_t looks = 0;
    FaultCounts faults;
    std::map<std::string, std::uint64_t> cells;

    void add(std::uint64_t seed, const Outcome& outcome) {
        ++seeds;
        if (!outcome.violations.empty()) {
            ++failed;
            first_failed = std::min(seed, first_failed.value_or(seed));
        }
        incidents += outcome.incidents;
        minutes += outcome.minutes;
        looks += outcome.looks;
        for (const auto& [fault, count] : outcome.faults)
            faults[fault] += count;
        for (const auto& [name, count] : outcome.cells)
            cells[name] += count;
    }

    void write(std::ostream& out) const {
        out << seeds << ' ' << failed << ' ' << first_failed.value_or(0) << ' ' << incidents << ' '
            << minutes << ' ' << looks << '\n';
        out << faults.size() << '\n';
        for (const auto& [fault, count] : faults)
            out << static_cast<int>(fault) << ' ' << count << '\n';
        out << cells.size() << '\n';
        for (const auto& [name, count] : cells)
            out << name << ' ' << count << '\n';
    }

    void read_more(std::istream& in) {
        std::uint64_t more_seeds = 0;
        std::uint64_t more_failed = 0;
        std::uint64_t first = 0;
        std::uint64_t more_incidents = 0;
        std::uint64_t more_minutes = 0;
        std::uint64_t more_looks = 0;
        in >> more_seeds >> more_failed >> first >> more_incidents >> more_minutes >> more_looks;
        seeds += more_seeds;
        failed += more_failed;
        if (more_failed > 0) first_failed = std::min(first, first_failed.value_or(first));
        incidents += more_incidents;
        minutes += more_minutes;
        looks += more_looks;
        std::size_t rows = 0;
        in >> rows;
        for (; rows > 0; --rows) {
            int fault = 0;
            std::uint64_t count = 0;
            in >> fault >> count;
            faults[static_cast<Fault>(fault)] += count;
        }
        in >> rows;
        for (; rows > 0; --rows) {
            std::string name;
            std::uint64_t count = 0;
            in >> name >> count;
            cells[name] += count;
        }
    }
};

std::filesystem::path scratch() {
    const std::filesystem::path memory{"/dev/shm"};
    std::error_code error;
    const auto under = std::filesystem::is_directory(memory, error)
                           ? memory
                           : std::filesystem::temp_directory_path();
    return under / ("quorate-simulation-" + std::to_string(::getpid()));
}

void tell_failed(std::uint64_t seed, const Outcome& outcome, const Order& order) {
    std::ostringstream text;
    text << "seed " << seed << ": " << outcome.violations.size() << " violations, trace "
         << fmt::format("{:016x}", outcome.trace) << '\n';
    for (const auto& violation : outcome.violations)
        text << "  " << violation << '\n';
    if (order.broken == Break::none) text << "  again: ./dev sim --seed " << seed << " --trace\n";
    std::cout << text.str() << std::flush;
}

/// Every `step`th seed from `first` on.
Sums run_some(const Order& order, std::uint64_t first, std::uint64_t step) {
    Sums sums;
    for (auto i = first; i < order.count; i += step) {
        const auto seed = order.seed + i;
        Simulation simulation{{seed, order.broken, order.tells, scratch()}};
        const auto outcome = simulation.run();
        sums.add(seed, outcome);
        if (!outcome.violations.empty()) tell_failed(seed, outcome, order);
        if (order.tells)
            std::cout << "seed " << seed << ": trace " << fmt::format("{:016x}", outcome.trace)
                      << '\n';
        // One is enough to see that a safeguard is missed.
        if (order.broken != Break::none && !outcome.violations.empty()) break;
    }
    return sums;
}

/// In processes of their own: time is simulated for all of a process.
std::optional<Sums> run_all(const Order& order) {
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto workers = static_cast<unsigned>(
        std::min<std::uint64_t>(order.count, order.workers == 0 ? cores : order.workers));
    if (workers <= 1) return run_some(order, 0, 1);
    std::vector<std::pair<pid_t, std::filesystem::path>> children;
    for (unsigned worker = 0; worker < workers; ++worker) {
        const auto result = scratch().string() + "-result-" + std::to_string(worker);
        const auto child = ::fork();
        if (child == 0) {
            int status = 0;
            try {
                const auto sums = run_some(order, worker, workers);
                std::ofstream out{result};
                sums.write(out);
            } catch (const std::exception& error) {
                std::cerr << "simulation: " << error.what() << '\n';
                status = 1;
            }
            std::cout << std::flush;
            ::_exit(status);
        }
        children.emplace_back(child, result);
    }
    Sums sums;
    bool sound = true;
    for (const auto& [child, result] : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        sound = sound && WIFEXITED(status) && WEXITSTATUS(status) == 0;
        std::ifstream in{result};
        if (in) sums.read_more(in);
        std::filesystem::remove(result);
    }
    if (!sound) return std::nullopt;
    return sums;
}

double cpu_seconds(int who) {
    rusage used{};
    ::getrusage(who, &used);
    return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/// So many seeds are enough that every kind of fault takes place.
constexpr std::uint64_t kSeedsForAllFaults = 100;

int report(const Order& order, const Sums& sums) {
    std::cout << "faults:\n";
    bool all = true;
    for (const auto& [fault, name] : kFaultNames) {
        const auto found = sums.faults.find(fault);
        const auto count = found == sums.faults.end() ? 0 : found->second;
        all = all && count > 0;
        std::cout << fmt::format("  {:<24} {:>7}\n", name, count);
    }
    std::cout << "cells:\n";
    for (const auto& [name, count] : sums.cells)
        std::cout << fmt::format("  {:<24} {:>7}\n", name, count);
    std::cout << fmt::format(
        "{} seeds: {} probes, {} endpoint-minutes stored, {} incidents opened, {} seeds with "
        "violations; {:.1f} s of CPU\n",
        sums.seeds,
        sums.looks,
        sums.minutes,
        sums.incidents,
        sums.failed,
        cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN));
    if (order.broken != Break::none) {
        std::cout << "without " << name_of(order.broken) << ": "
                  << (sums.failed > 0 ? "found by seed " + std::to_string(*sums.first_failed)
                                      : std::string{"NOT found"})
                  << '\n';
        return sums.failed > 0 ? 0 : 1;
    }
    if (sums.first_failed) std::cout << "first seed that failed: " << *sums.first_failed << '\n';
    if (!all && order.count >= kSeedsForAllFaults) {
        std::cout << "a kind of fault never took place\n";
        return 1;
    }
    return sums.failed > 0 ? 1 : 0;
}

int main_of(int argc, char** argv) {
    Order order;
    std::string broken{name_of(Break::none)};
    CLI::App app{"Simulates daemons, servers, stores and what goes wrong with them"};
    app.add_option("--seed", order.seed, "The first seed");
    app.add_option("--count", order.count, "How many seeds, one after the other");
    app.add_option("--workers", order.workers, "Processes; 0: one for each core");
    app.add_option("--break", broken, "Take a safeguard out: it has to be found");
    app.add_flag("--trace", order.tells, "Tell what happens, on stderr");
    CLI11_PARSE(app, argc, argv);
    const auto named = enum_value(kBreakNames, broken);
    if (!named) {
        std::cerr << "unknown safeguard: " << broken << "; known are";
        for (const auto& [value, name] : kBreakNames)
            if (value != Break::none) std::cerr << ' ' << name;
        std::cerr << '\n';
        return 2;
    }
    order.broken = *named;
    const auto sums = run_all(order);
    if (!sums) return 1;
    return report(order, *sums);
}

}  // namespace
}  // namespace quorate::simulation

int main(int argc, char** argv) {
    return quorate::simulation::main_of(argc, argv);
}

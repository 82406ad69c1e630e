#pragma once

#include <functional>
#include <memory>
#include <string>

#include "archiver/config.hpp"
#include "archiver/intake/seal_step.hpp"
#include "platform/runtime/daemon.hpp"
#include "platform/runtime/task.hpp"
#include "platform/telemetry/readiness.hpp"

namespace quorate {

/// The composition root: every long-lived object of the archiver, in dependency order.
class ArchiverApp {
public:
    /// Binds the health port; connects to nothing yet. Throws std::runtime_error with one line if
    /// the port cannot be had. `executor` is single-threaded.
    /// @param version as the other archivers are told
    /// @param at_step for tests, see ArchiveOptions
    ArchiverApp(
        ArchiverConfig config,
        asio::any_io_executor executor,
        std::string version = "unknown",
        std::function<void(SealStep)> at_step = [](SealStep) {});
    ~ArchiverApp();
    ArchiverApp(const ArchiverApp&) = delete;
    ArchiverApp& operator=(const ArchiverApp&) = delete;

    /// Archives its share of the shards until cancelled, then gives their leases back; waits for
    /// Postgres and Redis, and for a schema of this build's version. Throws `operation_aborted`
    /// then; DeploymentMismatch, with one line that says what to do, if the database was set up
    /// with another window or number of shards.
    Task<> run();

    /// SIGHUP: takes what may change while running (`log.level`); a bad file keeps the old config.
    void reload(const std::string& config_file);

    /// Where `/livez`, `/readyz` and `/metrics` are.
    std::uint16_t health_port() const;
    /// Why it is not ready, as `/readyz` says it.
    const Readiness& readiness() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

/// What `--migrate` does: brings the database up to this build's schema and says on stdout what was
/// applied. Blocks. Throws as migrate().
void migrate_database(const ArchiverConfig& config);

/// What `--retention` does: says on stdout which partitions of minutes could be dropped, what that
/// frees, and why the others stay. Blocks. Throws as Database.
void show_partitions(const ArchiverConfig& config);

/// What `--drop-partitions` does: drops those, and says so.
void drop_partitions(const ArchiverConfig& config);

}  // namespace quorate

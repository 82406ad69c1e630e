#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "coordinator/catalog/catalog_store.hpp"
#include "platform/postgres/database.hpp"

namespace quorate::coordinator {

/// What is asked of the catalogue and of what was learned of endpoints.
struct CatalogueQuestion {
    std::optional<std::int64_t> after;  ///< the generation that is known; nothing: none
    UtcTime horizon;                    ///< versions that ended before it are left out
    bool with_eras = false;
    bool with_baselines = false;
    std::int64_t baselines_since_us = 0;  ///< see load_baselines
};

struct CatalogueAnswer {
    CatalogueUpdate update;
    std::vector<Region> regions;
    TenantTiers tiers;
    std::optional<std::vector<std::pair<EndpointId, Era>>> eras;
    std::optional<BaselineChanges> baselines;
};

/// Where the catalogue in memory comes from: Postgres, or a model of it.
class CatalogueSource {
public:
    CatalogueSource() = default;
    CatalogueSource(const CatalogueSource&) = delete;
    CatalogueSource& operator=(const CatalogueSource&) = delete;
    virtual ~CatalogueSource() = default;

    /// All as of one moment. Throws as Database::transact.
    virtual Task<CatalogueAnswer> load(CatalogueQuestion question) = 0;
};

/// The catalogue in Postgres, which outlives it.
class PostgresCatalogue final : public CatalogueSource {
public:
    explicit PostgresCatalogue(Database& database) : database_{database} {}
    Task<CatalogueAnswer> load(CatalogueQuestion question) override;

private:
    Database& database_;
};

}  // namespace quorate::coordinator

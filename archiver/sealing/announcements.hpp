#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "archiver/sealing/catalogue.hpp"
#include "archiver/sealing/seal_plan.hpp"

namespace quorate {

/// A complete minute that was announced.
struct Announcement {
    UtcMinute minute;
    EndpointId endpoint;
    friend auto operator<=>(const Announcement&, const Announcement&) = default;
};

/// Announced minutes that are not sealed yet, because an earlier expected minute of the endpoint is
/// not either. Losing them (a crash, the bound) costs earliness only: the watermark seals all.
class Announcements {
public:
    explicit Announcements(std::size_t held_max) : held_max_{held_max} {}

    /// Takes one; above the bound it is forgotten.
    void add(Announcement announcement);
    /// The last minute that a shard's watermark sealed; nothing where it has not begun.
    using SealedUntil = std::function<std::optional<UtcMinute>(ShardId)>;

    /// Forgets those of minutes that are sealed, or of which nothing is expected.
    void forget_sealed(const Catalogue& catalogue,
                       const ProgressMap& progress,
                       const SealedUntil& sealed_until);
    /// Those that may be sealed now, in an order that keeps each endpoint's minutes ascending: no
    /// earlier minute after the shard's watermark and after the endpoint's last one is expected,
    /// except those before it in the result. At most `rows_max`.
    std::vector<Announcement> ready(const Catalogue& catalogue,
                                    const ProgressMap& progress,
                                    Window window,
                                    const SealedUntil& sealed_until,
                                    std::size_t rows_max) const;
    void forget(const Announcement& announcement) { held_.erase(announcement); }
    void clear() { held_.clear(); }
    std::size_t size() const { return held_.size(); }

private:
    std::size_t held_max_;
    std::set<Announcement> held_;  // by minute, then endpoint
};

}  // namespace quorate

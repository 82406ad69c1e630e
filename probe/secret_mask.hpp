#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "probe/request.hpp"

namespace quorate {

/// Finds the values of an owner's headers and credentials in text of a server, which may send back
/// what it got, and puts `***` in their place. It knows a value as it was sent, its parts (the
/// token behind a scheme, the values of cookies), and both as JSON and URLs write them; values of
/// fewer than 6 bytes (of credentials 3) are left alone, since they would be found everywhere. A
/// server that disguises what it got any further is not seen through. What it knows is wiped with
/// it.
class SecretMask {
public:
    SecretMask() = default;
    /// @param credentials  null: none
    explicit SecretMask(const std::vector<std::pair<std::string, std::string>>& headers,
                        const SecretHeaders* credentials = nullptr);
    SecretMask(const SecretMask&) = delete;
    SecretMask& operator=(const SecretMask&) = delete;

    bool empty() const { return secrets_.empty(); }
    std::string masked(std::string text) const;
    /// The same for a name, which says little of a secret and must stay itself: only secrets of at
    /// least 8 bytes count, and beginnings of them where the name was cut.
    std::string masked_name(std::string name) const;
    /// Whether a credential of at least 8 bytes stands in it. Headers whose values the endpoint's
    /// file has readable are none.
    bool finds_credential_in(std::string_view text) const;

private:
    /// One form of what is masked. Moved, it leaves no copy.
    struct Secret {
        SecretBytes text;
        bool is_credential = false;
    };
    void add_header(std::string_view name, std::string_view value, bool is_credential);
    void add(std::string_view secret, bool is_credential);

    std::vector<Secret> secrets_;  ///< the longest first
};

}  // namespace quorate

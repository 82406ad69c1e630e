#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pqxx/pqxx>

namespace quorate::coordinator {

/// Who orders something, and why.
struct Actor {
    std::string principal;  ///< their name, such as `ci`
    std::string
        credential;      ///< what they showed: `local`, `token 3`, `certificate ops.example.com`
    std::string reason;  ///< in their own words; may be empty
};

/// What becomes of one thing, as text of any form; empty: it is not there.
struct AuditChange {
    std::string target;
    std::string before;
    std::string after;
};

/// A row of the audit log.
struct AuditEntry {
    std::string method;                  ///< of the admin API
    std::string target;                  ///< such as `acme/search`, or how many there are
    std::vector<std::string> tenants{};  ///< whose it is; none: nobody's alone
    std::vector<AuditChange> changes{};
    std::string outcome = "done";  ///< or `refused`
    std::string detail{};          ///< why it was refused
    std::string receipt = "{}";    ///< JSON: what the method itself has to say
    std::string peer{};            ///< where a refused call came from
};

/// How much of the changes a row holds; the others are counted. Their hashes are over all.
inline constexpr std::size_t kAuditBytesMax = 262'144;
/// Bytes of every other text: nobody may change a row, so nobody could take a long one out.
inline constexpr std::size_t kReasonMax = 1000;

/// Adds a row, to be done in the transaction of the change itself. @return its id. Throws what
/// libpqxx throws.
std::int64_t write_audit(pqxx::work& work, const Actor& actor, const AuditEntry& entry);

}  // namespace quorate::coordinator

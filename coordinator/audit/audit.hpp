#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <pqxx/pqxx>

namespace quorate::coordinator {

/// Given by a caller who may have to repeat a call, as its answer can be lost on the way.
struct IdempotencyKey {
    static constexpr std::size_t kBytesMax = 64;
    static constexpr std::chrono::hours kKeptFor{48};

    std::string key;      ///< the caller's; empty: none was given
    std::string request;  ///< hash of what is asked for
    std::string call;     ///< which of the calls that bear the key this is
};

/// The call was done before, by the same caller, with the same idempotency key.
class DoneBefore : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// The key was used for something else: the call was not done.
class KeyReused : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Who orders something, and why.
struct Actor {
    std::string principal;  ///< their name, such as `ci`
    std::string
        credential;         ///< what they showed: `local`, `token 3`, `certificate ops.example.com`
    std::string reason;     ///< in their own words; may be empty
    IdempotencyKey once{};  ///< so that it is done once
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

/// Before a call that bears a key is looked at: what it asks for may be gone by now, as it was
/// done. Throws DoneBefore, KeyReused.
void require_not_done(pqxx::work& work, const Actor& actor, const std::string& method);

/// Adds a row, to be done in the transaction of the change itself, and with it remembers the
/// actor's idempotency key. @return its id. Throws DoneBefore, KeyReused, and what libpqxx throws.
std::int64_t write_audit(pqxx::work& work, const Actor& actor, const AuditEntry& entry);

}  // namespace quorate::coordinator

// What stands in a row of the audit log, and how much of it.
#include "coordinator/audit/audit.hpp"

#include "coordinator/access/credentials.hpp"
#include "tests/integration/coordinator/access/guarded.hpp"

namespace quorate::coordinator {
namespace {

using quorate::testing::Catalogued;
using quorate::testing::Guarded;
using ::testing::HasSubstr;

TEST(Audit, NoTextOfARowIsLongerThanItsBound) {
    const Catalogued lab;
    const std::string much(100'000, 'x');
    const Actor actor{much, much, much};
    const AuditEntry entry{.method = "Apply", .target = much, .outcome = "refused", .detail = much};
    lab.database->transact_blocking([&](auto& work) { write_audit(work, actor, entry); });
    for (const auto* column : {"principal", "credential", "reason", "target", "detail"})
        EXPECT_EQ(lab.sql(std::string{"SELECT octet_length("} + column + ") FROM quorate.audit"),
                  std::to_string(kReasonMax))
            << column;
}

TEST(AdminAccess, ATenantThatCanNotBeOneIsRepeatedNowhere) {
    const Guarded guarded;
    const auto token = guarded.token({"eyes", "--tenant", "acme"});
    EXPECT_THAT(guarded.with_token(token, {"get", "--tenant", std::string(10'000, 'x')}).err,
                HasSubstr("a tenant's name is lower-case letters, digits and hyphens"));
    EXPECT_EQ(guarded.audited("count(*)", "outcome = 'refused'"), "0");
}

TEST(Audit, ChangesComeWhenAskedForAndAPageOfThemIsShort) {
    const Catalogued lab;
    lab.database->transact_blocking([](auto& work) {
        const AuditEntry entry{.method = "Apply", .target = "a", .changes = {{"a", "", "b"}}};
        for (int i = 0; i < 40; ++i)
            write_audit(work, {"x", "local", ""}, entry);
    });
    const auto list = [&](bool with_changes, const std::string& token = {}) {
        v1::ListAuditRequest request;
        request.set_with_changes(with_changes);
        request.set_page_size(1000);
        request.set_page_token(token);
        return lab.database->transact_blocking(
            [&](auto& work) { return list_audit(work, request, Caller{}); });
    };
    const auto without = list(false);
    EXPECT_EQ(without.entries_size(), 40);
    EXPECT_EQ(without.entries(0).changes_size(), 0);
    const auto page = list(true);
    EXPECT_EQ(page.entries_size(), 32);
    EXPECT_EQ(page.entries(0).changes(0).after(), "b");
    EXPECT_EQ(list(true, page.next_page_token()).entries_size(), 8);
}

}  // namespace
}  // namespace quorate::coordinator

#include <set>
#include <string>

#include <gmock/gmock.h>

#include "coordinator/access/credentials.hpp"
#include "coordinator/access/role.hpp"
#include "coordinator/catalog/listing.hpp"

#include "quorate/v1/admin.pb.h"

namespace quorate::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

const google::protobuf::ServiceDescriptor& service() {
    return *v1::GetVersionRequest::descriptor()->file()->FindServiceByName("Admin");
}

TEST(Access, EveryMethodOfTheApiHasItsRuleAndNoOther) {
    std::set<std::string> methods;
    std::set<std::string> ruled;
    for (int i = 0; i < service().method_count(); ++i)
        methods.insert(service().method(i)->name());
    for (const auto& rule : method_rules())
        EXPECT_TRUE(ruled.emplace(rule.method).second) << rule.method << " stands there twice";
    EXPECT_EQ(ruled, methods);
}

TEST(Access, WhatNamesATenantIsConfinedToIt) {
    for (int i = 0; i < service().method_count(); ++i) {
        const auto& method = *service().method(i);
        const auto& request = *method.input_type();
        const bool names = request.FindFieldByName("tenant") != nullptr ||
                           request.FindFieldByName("endpoint") != nullptr ||
                           request.FindFieldByName("tenants") != nullptr;
        const auto* rule = rule_of(method.name());
        ASSERT_NE(rule, nullptr) << method.name();
        if (names) {
            EXPECT_EQ(rule->reach, Reach::tenant) << method.name();
        }
    }
}

TEST(Access, RolesAreReadAsTheyAreWritten) {
    for (const auto role : {Role::viewer, Role::op, Role::admin})
        EXPECT_EQ(role_named(name_of(role)), role);
    EXPECT_EQ(role_named("root"), std::nullopt);
    EXPECT_EQ(rule_of("Nothing"), nullptr);
}

TEST(Access, ATokenIsReadAsItIsWrittenAndNothingElseIs) {
    const std::string secret(64, 'a');
    const auto text = format_token({7, secret});
    EXPECT_EQ(text, "qt_7_" + secret);
    const auto token = parse_token(text);
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token->id, 7);
    EXPECT_EQ(token->secret, secret);
    for (const auto& bad : {std::string{},
                            std::string{"qt_"},
                            "qt_0_" + secret,
                            "qt_-1_" + secret,
                            "qt_7" + secret,
                            "qt_7_" + secret + "a",
                            "qt_99999999999999999999_" + secret,
                            "xx_7_" + secret})
        EXPECT_FALSE(parse_token(bad).has_value()) << bad;
}

TEST(Access, WhoIsBoundToTenantsReachesNoOther) {
    Caller caller;
    caller.actor.principal = "ci";
    EXPECT_EQ(narrowed_tenant(caller, ""), "");
    EXPECT_EQ(narrowed_tenant(caller, "acme"), "acme");
    caller.tenants = {"acme"};
    EXPECT_EQ(narrowed_tenant(caller, ""), "acme");
    EXPECT_EQ(narrowed_tenant(caller, "acme"), "acme");
    EXPECT_THAT([&] { narrowed_tenant(caller, "other"); },
                ThrowsMessage<AccessRefused>(HasSubstr("ci may not reach the tenant other")));
    for (const auto& name : {std::string{"Acme"}, std::string{"a b"}, std::string(64, 'a')})
        for (const auto& bound : {std::optional<std::set<std::string>>{}, caller.tenants})
            EXPECT_THROW(narrowed_tenant({{"ci", "", ""}, Role::viewer, bound, {}}, name),
                         BadRequest)
                << name;
    caller.tenants = {"acme", "beta"};
    EXPECT_THAT([&] { narrowed_tenant(caller, ""); },
                ThrowsMessage<AccessRefused>(HasSubstr("acme, beta alone: name one")));
}

}  // namespace
}  // namespace quorate::coordinator

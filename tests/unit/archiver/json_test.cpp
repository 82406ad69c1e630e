#include "archiver/store/json.hpp"

#include <gtest/gtest.h>

#include "core/decision/seal.hpp"
#include "tests/unit/archiver/versions.hpp"

namespace quorate {
namespace {

TEST(Details, OfAnUpCellTheAgentAndItsWarningsAlone) {
    auto cell = testing::cell(1, 4, 0, Verdict::up);
    cell.detail = "not worth a byte";
    cell.warnings.add(Warning::legacy_transport);
    EXPECT_EQ(details_json({cell}), R"({"4":{"agent":"a","warnings":["legacy_transport"]}})");
    EXPECT_EQ(details_json({missing_cell({}, true)}), "");
}

TEST(Details, OfAFailureWhatExplainsIt) {
    auto cell = testing::cell(1, 4, 0, Verdict::fail);
    cell.detail = std::string{"bad\0text", 8};
    cell.os_error = 111;
    EXPECT_EQ(details_json({cell}), R"({"4":{"agent":"a","detail":"bad text","os_error":111}})")
        << "jsonb takes no NUL";
}

}  // namespace
}  // namespace quorate

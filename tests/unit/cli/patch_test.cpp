#include "cli/patch.hpp"

#include <gtest/gtest.h>

namespace quorate::cli {
namespace {

TEST(Patch, ShowsLinesThatWentAndCameAndWhatStandsBetween) {
    EXPECT_EQ(patch_text("acme/a",
                         "name: a\nurl: x\ntimeout: 8s\n",
                         "name: a\nurl: y\ntimeout: 8s\nera: sse\n",
                         false),
              "--- acme/a\n+++ acme/a\n name: a\n-url: x\n+url: y\n timeout: 8s\n+era: sse\n");
}

TEST(Patch, WhatIsNewOrGoneHasNoOtherSide) {
    EXPECT_EQ(patch_text("t/a", "", "name: a\n", false), "--- /dev/null\n+++ t/a\n+name: a\n");
    EXPECT_EQ(patch_text("t/a", "name: a\n", "", false), "--- t/a\n+++ /dev/null\n-name: a\n");
}

TEST(Patch, ColoursOnlyWhatChanged) {
    EXPECT_EQ(patch_text("t/a", "a\nb\n", "a\n", true),
              "\x1b[1m--- t/a\x1b[0m\n\x1b[1m+++ t/a\x1b[0m\n a\n\x1b[31m-b\x1b[0m\n");
}

}  // namespace
}  // namespace quorate::cli

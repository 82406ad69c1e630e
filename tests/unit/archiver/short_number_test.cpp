#include "archiver/store/short_number.hpp"

#include <iostream>
#include <random>

#include <gtest/gtest.h>

namespace quorate {
namespace {

TEST(ShortNumber, EveryCodeIsThatOfItsNumberAndLargerCodesAreOfLargerNumbers) {
    std::uint64_t before = 0;
    for (std::uint32_t code = 0; code < ShortNumber::kNone; ++code) {
        const auto number = ShortNumber::number_of(code);
        ASSERT_EQ(ShortNumber::code_of(number), code);
        if (code > 0) {
            ASSERT_GT(number, before);
            ASSERT_EQ(ShortNumber::code_of(number - 1), code - 1) << "all between are rounded down";
        }
        before = number;
    }
}

TEST(ShortNumber, ANumberLosesLessThanOnePartIn4096) {
    const auto seed = std::random_device{}();
    std::cout << "seed " << seed << '\n';
    std::mt19937_64 random{seed};
    const auto largest = ShortNumber::number_of(ShortNumber::kNone - 1);
    for (int i = 0; i < 100'000; ++i) {
        const auto number = random() % largest >> random() % 28;
        const auto back = ShortNumber::number_of(ShortNumber::code_of(number));
        ASSERT_LE(back, number);
        if (number < 2 * ShortNumber::kOne) {
            ASSERT_EQ(back, number);
        } else {
            ASSERT_LT((number - back) * ShortNumber::kOne, number);
        }
    }
}

TEST(ShortNumber, WhatIsTooLargeHasTheLargestCodeOfANumber) {
    EXPECT_EQ(ShortNumber::code_of(~std::uint64_t{0}), ShortNumber::kNone - 1);
    EXPECT_EQ(ShortNumber::code_of(ShortNumber::number_of(ShortNumber::kNone)),
              ShortNumber::kNone - 1);
}

}  // namespace
}  // namespace quorate

#include "cli/table.hpp"

#include <sstream>

#include <gtest/gtest.h>

namespace quorate::cli {
namespace {

std::string printed(const Table& table, std::optional<std::size_t> width, bool colour = false) {
    std::ostringstream out;
    table.print(out, width, colour);
    return out.str();
}

TEST(Table, AlignsColumnsAndLeavesNoTrailingBlanks) {
    Table table{{"ENDPOINT", "STATE"}};
    table.add({"search", "OK"});
    table.add({"a-longer-name", "P1"});
    EXPECT_EQ(printed(table, std::nullopt),
              "ENDPOINT       STATE\n"
              "search         OK\n"
              "a-longer-name  P1\n");
}

TEST(Table, TheWidestColumnGivesWayWhereTheTerminalIsNarrow) {
    Table table{{"ENDPOINT", "DETAIL"}};
    table.add({"search", "the server closed the connection before it answered"});
    const auto text = printed(table, 30);
    EXPECT_EQ(text,
              "ENDPOINT  DETAIL\n"
              "search    the server closed t…\n");
}

TEST(Table, ColumnsThatDoNotFitBesideEachOtherGoBelowEachOther) {
    Table table{{"ENDPOINT", "SINCE", "LAST MINUTE"}};
    table.add({"search", "2026-11-20T12:46:00Z", "2026-11-20T12:47:00Z"});
    EXPECT_EQ(printed(table, 40),
              "ENDPOINT  SINCE\n"
              "search    2026-11-20T12:46:00Z\n"
              "\n"
              "ENDPOINT  LAST MINUTE\n"
              "search    2026-11-20T12:47:00Z\n")
        << "a time that is cut says nothing";
    EXPECT_EQ(printed(table, 60).find("\n\n"), std::string::npos);
}

TEST(Table, CountsCharactersNotBytes) {
    Table table{{"NAME", "X"}};
    table.add({"zürich", "1"});
    table.add({"berlin", "2"});
    EXPECT_EQ(printed(table, std::nullopt), "NAME    X\nzürich  1\nberlin  2\n");
}

TEST(Table, AServersWordsCannotDriveTheTerminal) {
    Table table{{"DETAIL"}};
    table.add({"\x1b[2Jgone\r\n"});
    EXPECT_EQ(printed(table, std::nullopt), "DETAIL\n?[2Jgone??\n");
    EXPECT_EQ(printable("a  b\u009B2J \u202Eevil\u2066 \u00FC \xFF"), "a  b?2J ?evil? \u00FC ?");
}

TEST(Table, PaintsStatesOnlyWhenAsked) {
    Table table{{"STATE"}};
    table.add({"P1"});
    EXPECT_EQ(printed(table, std::nullopt, true), "STATE\n\x1b[1;31mP1\x1b[0m\n");
    EXPECT_EQ(painted("P1 (flapping)", "P1 (flapping)"), "\x1b[1;31mP1 (flapping)\x1b[0m");
    EXPECT_EQ(painted("P1x", "P1x"), "P1x");
}

TEST(Texts, AbsentFiguresAreADash) {
    EXPECT_EQ(number_text(std::nullopt), "-");
    EXPECT_EQ(percent_text(std::nullopt), "-");
    EXPECT_EQ(time_text(std::nullopt), "-");
    EXPECT_EQ(percent_text(0.9995), "99.95 %");
    EXPECT_EQ(time_text(1'700'000'000'000'000), "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace quorate::cli

#include "platform/postgres/binary_copy.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "platform/postgres/database.hpp"
#include "tests/integration/postgres/cluster.hpp"

namespace quorate {
namespace {

using testing::cluster;
using testing::fresh_database;
using testing::name_of_database;

struct BinaryCopies : ::testing::Test {
    std::string conninfo = fresh_database();
    Database database{{.conninfo = conninfo, .application_name = "test", .connections = 1}};

    std::string sql(const std::string& text) {
        return cluster().sql(name_of_database(conninfo), text);
    }
    /// Numbers `[first, last)` by one COPY.
    void copy_numbers(int first, int last) {
        database.transact_blocking([&](pqxx::work& work) {
            BinaryCopy copy{work, "t", {"n", "filler"}};
            for (int n = first; n < last; ++n) {
                copy.row();
                copy.int4(n);
                copy.bytes(std::string(100, 'x'));
            }
            copy.finish();
        });
    }
};

TEST_F(BinaryCopies, StoresEachType) {
    sql("CREATE TABLE t (a smallint, b integer, c bigint, d timestamptz, e bytea, f jsonb, g "
        "integer[], h bigint[],"
        " i bytea[])");
    database.transact_blocking([](pqxx::work& work) {
        BinaryCopy copy{work, "t", {"a", "b", "c", "d", "e", "f", "g", "h", "i"}};
        copy.row();
        copy.int2(-2);
        copy.int4(-3);
        copy.int8(-4);
        copy.timestamp(UtcTime{microseconds{1'800'000'000'000'001}});
        copy.bytes(std::string{"\0\xFFz", 3});
        copy.jsonb(R"({"k": 1})");
        copy.array(std::vector<std::int32_t>{1, -1});
        copy.array(std::vector<std::int64_t>{});
        copy.array(std::vector<std::string>{"a", ""});
        copy.row();
        for (int column = 0; column < 9; ++column)
            copy.null();
        copy.finish();
        EXPECT_EQ(work.exec1("SELECT count(*) FROM t")[0].as<int>(), 2);  // the transaction goes on
    });
    EXPECT_EQ(sql("SELECT a, b, c, d AT TIME ZONE 'UTC', e, f, g, h, i FROM t WHERE a IS NOT NULL"),
              "-2|-3|-4|2027-01-15 08:00:00.000001|\\x00ff7a|{\"k\": "
              "1}|{1,-1}|{}|{\"\\\\x61\",\"\\\\x\"}");
    EXPECT_EQ(sql("SELECT count(*) FROM t WHERE num_nulls(a, b, c, d, e, f, g, h, i) = 9"), "1");
}

TEST_F(BinaryCopies, SendsMoreThanABufferful) {
    sql("CREATE TABLE t (n integer, filler bytea)");
    copy_numbers(0, 5000);
    EXPECT_EQ(sql("SELECT count(*), sum(n) FROM t"), "5000|12497500");
}

TEST_F(BinaryCopies, ARefusedRowFailsTheTransactionAndLeavesTheConnection) {
    sql("CREATE TABLE t (n integer PRIMARY KEY, filler bytea)");
    copy_numbers(3, 5);
    try {
        copy_numbers(0, 5000);
        FAIL() << "not refused";
    } catch (const PostgresError& error) {
        EXPECT_EQ(error.sqlstate(), "23505");
    }
    copy_numbers(5, 6);
    EXPECT_EQ(sql("SELECT count(*) FROM t"), "3");
}

TEST_F(BinaryCopies, WhatIsGivenUpIsNotStored) {
    sql("CREATE TABLE t (n integer, filler bytea)");
    const auto give_up = [](pqxx::work& work) {
        BinaryCopy copy{work, "t", {"n", "filler"}};
        copy.row();
        copy.int4(1);
        throw std::logic_error{"mine"};
    };
    EXPECT_THROW(database.transact_blocking(give_up), std::logic_error);
    copy_numbers(0, 1);
    EXPECT_EQ(sql("SELECT count(*) FROM t"), "1");
}

TEST_F(BinaryCopies, ADeadlockRunsTheTransactionAgain) {
    for (const auto* sqlstate : {"40P01", "40001"}) {
        SCOPED_TRACE(sqlstate);
        sql("DROP TABLE IF EXISTS t; DROP SEQUENCE IF EXISTS calls; CREATE TABLE t (n integer, "
            "filler bytea);"
            "CREATE SEQUENCE calls;"  // which no roll-back sets back
            "CREATE OR REPLACE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('calls') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '" +
            std::string{sqlstate} +
            "'; END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER once BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION once()");
        copy_numbers(0, 3);
        EXPECT_EQ(sql("SELECT count(*) FROM t"), "3");
    }
}

TEST_F(BinaryCopies, AnUnknownTableIsRefusedByItsSqlstate) {
    try {
        copy_numbers(0, 1);
        FAIL() << "not refused";
    } catch (const PostgresError& error) {
        EXPECT_EQ(error.sqlstate(), "42P01");
    }
}

}  // namespace
}  // namespace quorate

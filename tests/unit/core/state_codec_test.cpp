#include "core/incident/state_codec.hpp"

#include <gtest/gtest.h>

#include "core/incident/state_json.hpp"
#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

std::string packed(const EndpointState& state) {
    std::string bytes;
    pack(state, bytes);
    return bytes;
}

EndpointState unpacked(const std::string& bytes, std::optional<UtcMinute> last_minute) {
    std::string_view rest{bytes};
    auto state = unpack_endpoint_state(rest, last_minute);
    EXPECT_TRUE(rest.empty());
    return state;
}

TEST(StateCodec, ReadsBackWhatItWrote) {
    EXPECT_EQ(unpacked(packed(EndpointState{}), std::nullopt), EndpointState{});
    History history;
    for (const auto* letters : {"s.F.a", "FFs..", "FFsud", ".FsmF", "uuuuu", "..sFF", "....."}) {
        history.minute(letters);
        if (history.state.incident.open) set_incident_id(history.state, IncidentId{1ULL << 60U});
        EXPECT_EQ(unpacked(packed(history.state), history.state.last_minute), history.state)
            << letters;
    }
}

TEST(StateCodec, AHealthyEndpointsBytesStayAsTheyAre) {
    History history;
    history.times(10, ".....");
    const auto before = history.state;
    history.times(300, ".....");
    EXPECT_LT(packed(history.state).size(), 130U);
    EXPECT_TRUE(packs_alike(before, history.state));
    EXPECT_EQ(unpacked(packed(before), history.state.last_minute), history.state);
    history.minute("....u");
    EXPECT_FALSE(packs_alike(before, history.state));
}

TEST(StateCodec, PacksAlikeWhereTheBytesAreTheSame) {
    History history;
    for (const auto* letters :
         {"s.F.a", ".....", "FFs..", "FFsud", ".....", "FF...", "FF...", "....."}) {
        const auto before = history.state;
        history.minute(letters);
        EXPECT_EQ(packs_alike(before, history.state), packed(before) == packed(history.state))
            << letters;
    }
}

TEST(StateCodec, RefusesBytesThatAreNoState) {
    History history;
    history.times(3, "FF...");
    const auto whole = packed(history.state);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        std::string_view part{whole.data(), size};
        EXPECT_THROW(unpack_endpoint_state(part, std::nullopt), std::invalid_argument) << size;
    }
    // Another version; a decision that is none; an unknown field; 33 regions; two of one id.
    for (const std::string& bytes : {std::string{"\2"},
                                     std::string{"\1\1\306\1"},
                                     std::string{"\1\4\2"},
                                     std::string{"\1\0\41", 3},
                                     std::string{"\1\0\2\1\2\1\2", 7}}) {
        std::string_view text{bytes};
        EXPECT_THROW(unpack_endpoint_state(text, std::nullopt), std::invalid_argument);
    }
}

// What was stored up to migration 0013.
TEST(StateCodec, ReadsJson) {
    const auto state = endpoint_state_of_json(
        R"({"version":1,"last_minute":1800000000000,"last_decision":1,"blind_run":2,)"
        R"("regions":[{"id":1,"phase":2,"fails":3,"last_vote":1800000000000,"fail_started":1800000000000001},)"
        R"({"id":4,"slow_started":[5,0,0,0,0]}],"incident":{"open":1,"ordinal":7,"severity":1}})");
    EXPECT_EQ(state.last_minute, UtcMinute::from_epoch_ms(1'800'000'000'000));
    EXPECT_EQ(state.blind_run, 2);
    ASSERT_EQ(state.regions, (std::vector{RegionId{1}, RegionId{4}}));
    EXPECT_EQ(state.states[0].phase, RegionPhase::failing);
    EXPECT_EQ(state.states[0].last_vote, state.last_minute);
    EXPECT_EQ(state.states[0].fail_started, UtcTime{microseconds{1'800'000'000'000'001}});
    EXPECT_EQ(state.states[1].slow_started[0], UtcTime{microseconds{5}});
    EXPECT_TRUE(state.incident.open);
    EXPECT_EQ(state.incident.ordinal, 7U);
    EXPECT_EQ(state.incident.severity, Severity::p1);
}

TEST(StateCodec, RefusesJsonThatItCannotRead) {
    for (const auto* text : {
             "",
             "[]",
             "{}",
             R"({"version":2,"regions":[]})",
             R"({"version":1,"regions":{}})",
             R"({"version":1,"regions":[],"extra":1})",
             R"({"version":1,"regions":[],"last_decision":99})",
             R"({"version":1,"regions":[],"blind_run":70000})",
             R"({"version":1,"regions":[],"blind_run":"1"})",
             R"({"version":1,"regions":[{"id":2},{"id":1}]})",
             R"({"version":1,"regions":[{"id":1,"phase":4}]})",
             R"({"version":1,"regions":[{"id":1,"slow_started":[1]}]})",
             R"({"version":1,"regions":[],"incident":{"open":2}})",
             R"({"version":1,"regions":[],"incident":{"severity":0}})",
         })
        EXPECT_THROW(endpoint_state_of_json(text), std::invalid_argument) << text;
}

TEST(StateCodec, NamesTheFieldThatIsWrong) {
    try {
        endpoint_state_of_json(R"({"version":1,"regions":[],"blind_run":70000})");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "endpoint state: blind_run: number out of range");
    }
}

}  // namespace
}  // namespace quorate::test

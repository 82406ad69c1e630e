#include "core/incident/state_codec.hpp"

#include <gtest/gtest.h>

#include "tests/unit/core/history.hpp"

namespace quorate::test {
namespace {

TEST(StateCodec, ReadsBackWhatItWrote) {
    EXPECT_EQ(decode_endpoint_state(encode(EndpointState{})), EndpointState{});
    History history;
    for (const auto* letters : {"s.F.a", "FFs..", "FFsud", ".FsmF", "uuuuu", "..sFF", "....."}) {
        history.minute(letters);
        if (history.state.incident.open) set_incident_id(history.state, IncidentId{1ULL << 60U});
        EXPECT_EQ(decode_endpoint_state(encode(history.state)), history.state) << letters;
    }
}

TEST(StateCodec, IsShortForAHealthyEndpoint) {
    History history;
    history.times(300, ".....");
    EXPECT_LT(encode(history.state).size(), 800U) << encode(history.state);
}

TEST(StateCodec, RefusesWhatItCannotRead) {
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
        EXPECT_THROW(decode_endpoint_state(text), std::invalid_argument) << text;
}

TEST(StateCodec, NamesTheFieldThatIsWrong) {
    try {
        decode_endpoint_state(R"({"version":1,"regions":[],"blind_run":70000})");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "endpoint state: blind_run: number out of range");
    }
}

}  // namespace
}  // namespace quorate::test

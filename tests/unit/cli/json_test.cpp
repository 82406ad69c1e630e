#include "cli/json.hpp"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "quorate/v1/admin.pb.h"

namespace quorate::cli {
namespace {

TEST(MessageAsJson, WritesTimesAsRfc3339AndAbsentFieldsAsNull) {
    v1::IncidentEvent event;
    event.set_at_us(1'700'000'000'250'000);
    event.set_to_severity("P1");
    event.set_rule_row(4);
    EXPECT_EQ(boost::json::serialize(to_json(event)),
              R"({"at":"2023-11-14T22:13:20.250Z","minute":null,"from_severity":null,)"
              R"("to_severity":"P1","rule_row":4,"detail":null})");
}

TEST(MessageAsJson, WritesListsOfTextsAndOfMessages) {
    v1::ApplyResponse answer;
    answer.add_created("default/search");
    answer.add_errors()->set_file("a.yaml");
    const auto json = to_json(answer).as_object();
    EXPECT_EQ(json.at("created").as_array().at(0).as_string(), "default/search");
    EXPECT_EQ(json.at("errors").as_array().at(0).at("file").as_string(), "a.yaml");
    EXPECT_TRUE(json.at("in_force_from").is_null());
}

TEST(JsonText, WritesNumbersAsPeopleDo) {
    const boost::json::value value{{"ratio", 0.25}, {"whole", 1.0}, {"texts", {"a\"b", nullptr}}};
    EXPECT_EQ(json_text(value), R"({"ratio": 0.25, "whole": 1, "texts": ["a\"b", null]})");
}

TEST(YamlText, HoldsTheSameValueInBlockStyle) {
    const boost::json::value value{{"ratio", 0.25},
                                   {"absent", nullptr},
                                   {"empty", boost::json::array{}},
                                   {"cells", {{{"region", "us-east"}, {"tools", {"a: b", "c"}}}}},
                                   {"no", {{"Deep Key", true}}}};
    EXPECT_EQ(yaml_text(value),
              R"(---
ratio: 0.25
absent: null
empty: []
cells:
  - region: "us-east"
    tools:
      - "a: b"
      - "c"
"no":
  "Deep Key": true
)");
    EXPECT_EQ(yaml_text({{{"a", 1}, {"b", 2}}, {{"a", 3}}}), "---\n- a: 1\n  b: 2\n- a: 3\n");
    EXPECT_EQ(yaml_text("x"), "--- \"x\"\n");
}

}  // namespace
}  // namespace quorate::cli

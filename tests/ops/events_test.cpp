#include "ops/events.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "tests/ops/synthetic_run.hpp"

namespace troupe {
namespace {

TEST(Events, OfEveryKindComeBackFromJsonAsTheyWere) {
  std::set<std::string> kinds;
  for (const auto& event : troupe::testing::synthetic_run()) {
    kinds.insert(to_string(event.kind));
    const auto json = to_json(event);
    const auto back = event_from_json(json);
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(to_json(*back), json);
    EXPECT_EQ(back->kind, event.kind);
    EXPECT_EQ(back->unix_time, event.unix_time);
    EXPECT_EQ(back->peak, event.peak);
  }
  EXPECT_EQ(kinds.size(), 22u) << "the synthetic run lacks a kind";
  EXPECT_FALSE(kinds.contains("unknown"));
}

TEST(Events, LeaveOutWhatHasNoMeaning) {
  const Event event{.kind = EventKind::node_up, .unix_time = 1, .node = "local"};
  EXPECT_EQ(to_json(event), (nlohmann::json{{"event", "node_up"}, {"time", 1.0}, {"node", "local"}}));
}

TEST(Events, WriteWhatIsNoNumberAsNull) {
  Event event{.kind = EventKind::steps, .seconds = INFINITY};
  event.scores = {{"critic", std::nan("")}};
  const auto json = to_json(event);
  EXPECT_TRUE(json["seconds"].is_null());
  EXPECT_TRUE(json["scores"]["critic"].is_null());
  EXPECT_TRUE(std::isnan(event_from_json(json)->scores.at(0).value));
}

TEST(Events, RefuseWhatIsNone) {
  for (const char* text :
       {"3", "{}", R"({"event": 3})", R"({"event": "dance"})", R"({"event": "steps", "step": "x"})",
        R"({"event": "steps", "step": 18446744073709551615})", R"({"event": "steps", "cores": 4294967296})",
        R"({"event": "steps", "scores": [1]})", R"({"event": "steps", "scores": {"a": "b"}})"}) {
    const auto event = event_from_json(nlohmann::json::parse(text));
    ASSERT_FALSE(event) << text;
    EXPECT_EQ(event.error().code, ErrorCode::bad_data);
  }
}

}  // namespace
}  // namespace troupe

// The ways between the nodes of a cluster, measured by the nodes themselves.
#include "tests/actors/nodes.hpp"

namespace troupe::toy {
namespace {

using nlohmann::json;

struct Links : ::testing::Test {
  TempFolder folder;
  std::unique_ptr<Cluster> head = start(head_options(folder / "run", slow(), 1));

  std::unique_ptr<NodeProcess> with(const std::string& name) const {
    return node(*head, name, slow(), 1, folder / name);
  }
  Error refusal(const json& arguments) const {
    const auto reply = head->request("measure", arguments);
    EXPECT_FALSE(reply) << reply->dump();
    return reply ? Error{} : reply.error();
  }
};

void expect_measured(const json& told) {
  EXPECT_GT(told["round_trip_seconds"], 0) << told;
  EXPECT_GT(told["there_bytes_per_second"], 0) << told;
  EXPECT_GT(told["back_bytes_per_second"], 0) << told;
}

TEST_F(Links, AreMeasuredBetweenTheHeadAndNodesEitherWayRound) {
  const auto b = with("b");
  expect_measured(ask(*head, "measure", {{"from", "head"}, {"to", "b"}, {"bytes", 1 << 20}}));
  expect_measured(ask(*head, "measure", {{"from", "b"}, {"to", "head"}, {"bytes", 1 << 20}}));
  const auto trips = ask(*head, "measure", {{"from", "b"}, {"to", "head"}, {"bytes", 0}});
  EXPECT_GT(trips["round_trip_seconds"], 0);
  EXPECT_TRUE(trips["there_bytes_per_second"].is_null() && trips["back_bytes_per_second"].is_null());
}

TEST_F(Links, AreMeasuredBetweenNodesThatNoJobHasIntroduced) {
  const auto b = with("b"), c = with("c");
  expect_measured(ask(*head, "measure", {{"from", "b"}, {"to", "c"}, {"bytes", 1 << 20}}));
}

TEST_F(Links, AreMeasuredBesideAJobWhoseBitsStayTheSame) {
  const auto b = with("b"), c = with("c");
  submit(*head, wide_job(3));
  wait_for(*head, "wide", runs_on(3));
  for (int i = 0; i < 3; ++i)
    expect_measured(ask(*head, "measure", {{"from", "b"}, {"to", "c"}, {"bytes", 4 << 20}}));
  const auto ended = wait_for(*head, "wide", over);
  EXPECT_EQ(ended["state"], "finished") << ended.dump(2);
  EXPECT_EQ(bits_of(folder / "run", ended), alone(slow()));
}

TEST_F(Links, OfOneNodeAreMeasuredOneAfterTheOther) {
  const auto b = with("b"), c = with("c");
  std::vector<Result<json>> replies(4);
  {
    std::vector<std::jthread> asking;
    for (std::size_t i = 0; i < replies.size(); ++i)
      asking.emplace_back([&, i] {
        replies[i] = head->request("measure", {{"from", "b"}, {"to", i % 2 == 0 ? "c" : "head"}});
      });
  }
  int measured = 0;
  for (const auto& reply : replies) {
    measured += reply.has_value();
    if (!reply) {
      EXPECT_EQ(reply.error().code, ErrorCode::no_capacity) << reply.error().text();
    }
  }
  EXPECT_GE(measured, 1);
  expect_measured(ask(*head, "measure", {{"from", "b"}, {"to", "c"}}));
}

TEST_F(Links, WrongQuestionsAreAnsweredInWords) {
  auto b = with("b");
  EXPECT_EQ(refusal({{"from", "b"}, {"to", "nobody"}}).code, ErrorCode::not_found);
  EXPECT_EQ(refusal({{"from", "b"}, {"to", "b"}}).code, ErrorCode::bad_usage);
  EXPECT_EQ(refusal({{"from", "b"}, {"to", 3}}).code, ErrorCode::bad_usage);
  EXPECT_EQ(refusal({{"from", "b"}, {"to", "head"}, {"bytes", -1}}).code, ErrorCode::bad_usage);
  EXPECT_EQ(refusal({{"from", "b"}, {"to", "head"}, {"bytes", std::int64_t{1} << 40}}).allowed,
            "0 … 33554432 bytes");
  b.reset();
  Error lost = refusal({{"from", "head"}, {"to", "b"}, {"bytes", 0}});
  EXPECT_EQ(lost.code, ErrorCode::peer_missing) << lost.text();
}

}  // namespace
}  // namespace troupe::toy

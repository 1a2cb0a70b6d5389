// Groups whose processes die, leave, never come or mean harm: everybody hears of it, by name.
#include <gmock/gmock.h>

#include "node_group_fixture.hpp"
#include "transport/node_group_wire.hpp"

namespace troupe::test {
namespace {

using group::Head;
using group::Kind;
using group::SumShape;
using group::What;
using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(NodeGroupFailure, AProcessThatDiesIsNamedByAllOthers) {
  Planes planes(3, [](DataPlaneOptions& options) { options.failure_timeout = 5; });
  auto ends = make_group(planes, {1, 2, 1});
  std::vector<Error> errors(4);
  std::thread killer([&] {
    EXPECT_TRUE(eventually([&] { return ends[0]->sent_bytes() > 1'000'000; }));
    planes.destroy(1);
  });
  on_ranks(4, [&](int r) {
    errors[static_cast<std::size_t>(r)] = sum_on(*ends[static_cast<std::size_t>(r)], 4, r, 100'000);
  });
  killer.join();
  for (const std::size_t r : {0u, 3u}) {
    EXPECT_THAT(errors[r].code, AnyOf(ErrorCode::peer_missing, ErrorCode::peer_failed));
    EXPECT_THAT(errors[r].text(), HasSubstr("process b (rank 1, 2 of 4)"));
  }
  for (const std::size_t r : {1u, 2u}) EXPECT_THAT(errors[r].text(), HasSubstr("the data plane ends"));
}

TEST(NodeGroupFailure, AnAbortWakesRanksThatWaitForOthers) {
  Planes planes(3);
  auto ends = make_group(planes, {2, 2, 1});
  std::thread aborter([&] { ends[3]->abort("no more memory"); });  // rank 2, which leads there, never comes
  on_ranks(5, [&](int r) {
    if (r == 2 || r == 3) return;
    const auto met = ends[static_cast<std::size_t>(r)]->barrier();
    ASSERT_FALSE(met);
    EXPECT_EQ(met.error().code, ErrorCode::peer_failed);
    EXPECT_THAT(met.error().text(), HasSubstr("rank 3 of 5 failed: no more memory"));
  });
  aborter.join();
}

TEST(NodeGroupFailure, AProcessThatNeverMakesItsEndsIsMissing) {
  Planes planes(2);
  auto options = group_options({1, 2}, planes.new_channel(), 0.05);
  options.self = "a";
  auto ends = make_node_group(planes.of(0), options);
  ASSERT_TRUE(ends);
  const auto met = (*ends)[0]->barrier();
  ASSERT_FALSE(met);
  EXPECT_EQ(met.error().code, ErrorCode::peer_missing);
  EXPECT_THAT(met.error().text(), HasSubstr("rank 1, 2 of 3 did not come in time"));
}

TEST(NodeGroupFailure, WhoHasDoneItsLastCallMayGo) {
  Planes planes(3);
  for (int round = 0; round < 30; ++round) {
    auto ends = make_group(planes, {1, 2, 1}, kGenerous, [](auto& options) { options.small = Bytes{0}; });
    on_ranks(4, [&](int r) {
      auto& end = ends[static_cast<std::size_t>(r)];
      std::vector<float> one(50'000, 1.0f), out(50'000);
      const float* mine = one.data();
      const auto summed = end->sum({4, r, {&mine, 1}}, out.data(), out.size(), 1.0f, true, {});
      ASSERT_TRUE(summed) << summed.error().text();
      const auto heard = end->broadcast(r == 0 ? round : -1);
      ASSERT_TRUE(heard) << heard.error().text();
      EXPECT_EQ(*heard, round);
      end.reset();
    });
  }
}

/// Process a with a group, and a peer that speaks its channel by hand.
struct Hostile {
  Planes planes{2};
  Ends ends;
  std::optional<Channel> peer;
  Head head;

  Hostile() {
    auto options = group_options({1, 1}, planes.new_channel(), kGenerous);
    options.self = "a";
    auto made = make_node_group(planes.of(0), options);
    if (!made) throw std::runtime_error(made.error().text());
    ends = *made;
    peer = open(planes.process(1), "a", options.channel, Priority::gradients);
  }
  /// The error of a sum of 1000 floats to which the peer answers with this.
  std::string answered(const std::function<void(Head&, SumShape&, std::size_t&)>& change) {
    std::string text;
    std::thread sum([&] { text = sum_on(*ends[0], 2, 0, 1'000).text(); });
    auto call = next(*peer);
    if (!call) std::abort();
    auto theirs = group::parse(call->header());
    EXPECT_TRUE(theirs);
    auto shape = theirs->sums.at(0);
    EXPECT_EQ(shape.n, 1'000u);
    shape.first = 1;
    std::size_t size = 4'000;
    change(theirs->head, shape, size);
    const Pattern pattern(size);
    EXPECT_TRUE(peer->send(group::encode(theirs->head, {shape}), size ? pattern.payload() : Payload{}));
    sum.join();
    return text;
  }
};

TEST(NodeGroupHostile, AnswersThatDoNotFitFailTheGroup) {
  using Change = std::function<void(Head&, SumShape&, std::size_t&)>;
  const std::vector<std::pair<std::string, Change>> cases = {
      {"3996 bytes where", [](auto&, auto&, auto& size) { size = 3'996; }},
      {"0 bytes where", [](auto&, auto&, auto& size) { size = 0; }},
      {"1000000 bytes where", [](auto&, auto&, auto& size) { size = 1'000'000; }},
      {"different groups", [](auto& head, auto&, auto&) { head.digest ^= 1; }},
      {"chunk 7", [](auto& head, auto&, auto&) { head.chunk = 7; }},
      {"is at call", [](auto& head, auto&, auto&) { head.call += 1; }},
      {"rank 0 calls sum of float, rank 1 calls barrier",
       [](auto& head, auto&, auto&) { head.kind = Kind::barrier; }},
      {"rank 0 sums 1000 elements, rank 1 sums", [](auto&, auto& shape, auto&) { shape.n = 1ull << 62; }},
      {"rank 0 counts 2 members", [](auto&, auto& shape, auto&) { shape.members = INT32_MAX; }},
      {"rank 1 starts at member 0", [](auto&, auto& shape, auto&) { shape.first = 0; }},
      {"rank 1 starts at member -5", [](auto&, auto& shape, auto&) { shape.first = -5; }},
      {"rank 1 starts at member 1", [](auto&, auto& shape, auto&) { shape.count = INT32_MAX; }},
      {"rank 1 starts at member 1", [](auto&, auto& shape, auto&) { shape.count = -1; }},
      {"hold 1 of 2 members", [](auto&, auto& shape, auto&) { shape.count = 0; }},
      {"differ in scale", [](auto&, auto& shape, auto&) { shape.scale ^= 1; }},
  };
  for (const auto& [text, change] : cases) {
    Hostile hostile;
    EXPECT_THAT(hostile.answered(change), HasSubstr(text));
    EXPECT_FALSE(hostile.ends[0]->barrier());
  }
}

TEST(NodeGroupHostile, HeadersThatAreNoneFailTheGroup) {
  const Head good{.what = Head{}.what, .kind = Kind::barrier, .call = 1};
  Head magic = good, kind = good, what = good, count = good;
  magic.magic = 0;
  kind.kind = static_cast<Kind>(99);
  what.what = static_cast<What>(0);
  count.count = 1'000'000;
  const Head rank{.what = What::tell, .count = 1}, gone{.what = What::left, .count = 1};
  for (const auto& header :
       {std::string(), std::string("hello"), group::encode(magic), group::encode(kind), group::encode(what),
        group::encode(count), group::encode(good) + "x", group::encode(rank, {}, {0}),
        group::encode(gone, {}, {7}), group::encode({.what = What::left})}) {
    Hostile hostile;
    ASSERT_TRUE(hostile.peer->send(header));
    const auto met = hostile.ends[0]->barrier();
    ASSERT_FALSE(met);
    EXPECT_EQ(met.error().code, ErrorCode::peer_failed);
    EXPECT_THAT(met.error().text(), HasSubstr("process b (rank 1 of 2) sent what no call expects"));
  }
}

}  // namespace
}  // namespace troupe::test

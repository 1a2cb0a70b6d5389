// How often a peer that is not there is tried.
#include "../temp_folder.hpp"
#include "plane_fixture.hpp"
#include "transport/retry.hpp"

namespace troupe::test {
namespace {

TEST(Retry, WaitsTwiceAsLongEachTimeUpToFailureTimeout) {
  const plane::Retry retry{.first = 0.05, .failure_timeout = 10};
  double waited = 0;
  std::vector<double> waits;
  for (int i = 0; i < 12; ++i) waits.push_back(waited = retry.wait(waited, false));
  EXPECT_DOUBLE_EQ(waits[0], 0.05);
  EXPECT_DOUBLE_EQ(waits[1], 0.1);
  EXPECT_DOUBLE_EQ(waits[7], 6.4);
  EXPECT_DOUBLE_EQ(waits[8], 10);
  EXPECT_DOUBLE_EQ(waits[11], 10);
}

TEST(Retry, IsQuickWhereAPeerIsWanted) {
  const plane::Retry retry{.first = 0.05, .failure_timeout = 10};
  EXPECT_DOUBLE_EQ(retry.wait(8, true), 1);
  EXPECT_DOUBLE_EQ((plane::Retry{.first = 0.05, .failure_timeout = 2}.wait(8, true)), 0.5);
  EXPECT_DOUBLE_EQ(retry.wait(0, true, 1), 1) << "where it said no";
  EXPECT_DOUBLE_EQ(retry.wait(4, false, 1), 8) << "and says so again and again";
  EXPECT_DOUBLE_EQ((plane::Retry{.first = 0.05, .failure_timeout = 0.01}.wait(8, false)), 0.05);
}

/// Who is not there is not tried again within the test, but for a reason.
struct Patient {
  TempFolder folder;
  CurveKeys of_b = new_keys();
  Process a = start("a", [](DataPlaneOptions& options) {
    options.retry_first = 3600;
    options.failure_timeout = 3600;
  });
  PeerAddress b{"b", "ipc://" + (folder / "b").string(), of_b.public_key};

  void know_b() {
    const auto added = a.plane->ensure_peer(b);
    if (!added) throw std::runtime_error(added.error().text());
  }
  bool has_tried(std::uint64_t times) {
    return eventually([&] { return of_peer(a, "b").tries == times; });
  }
};

TEST(Retry, IsMadeAtOnceForWhatIsToBeSent) {
  Patient patient;
  patient.know_b();
  ASSERT_TRUE(patient.has_tried(1));
  // Each of these may find the try before it still under way: then it asks for nothing, and asks again.
  std::uint64_t tries = 1;
  const auto tries_after = [&](const auto& reason) {
    return eventually([&] {
      reason();
      return of_peer(patient.a, "b").tries > tries;
    });
  };
  EXPECT_TRUE(tries_after([&] { patient.know_b(); })) << "it joined anew, or a job needs it";
  tries = of_peer(patient.a, "b").tries;
  EXPECT_TRUE(tries_after([&] { open(patient.a, "b", 1); })) << "a channel";
  tries = of_peer(patient.a, "b").tries;
  EXPECT_TRUE(tries_after([&] { EXPECT_FALSE(patient.a.plane->wait_for("b", 0)); })) << "who waits for it";
}

TEST(Retry, IsMadeAtOnceForAPeerThatKnocks) {
  Patient patient;
  patient.know_b();
  ASSERT_TRUE(patient.has_tried(1));
  Process b{"b", patient.of_b, {}};
  auto options = options_of("b", patient.of_b);
  options.bind = patient.b.endpoint;
  auto plane = DataPlane::start(options);
  ASSERT_TRUE(plane) << plane.error().text();
  b.plane = std::move(*plane);
  ASSERT_TRUE(b.plane->add_peer(patient.a.address()));
  EXPECT_TRUE(eventually([&] { return of_peer(patient.a, "b").up && of_peer(b, "a").up; }));
}

}  // namespace
}  // namespace troupe::test

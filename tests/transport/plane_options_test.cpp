#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "plane_fixture.hpp"
#include "transport/plane_endpoint.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Error refused(const Change& change) {
  auto options = options_of("a", new_keys());
  change(options);
  const auto plane = DataPlane::start(options);
  EXPECT_FALSE(plane);
  return plane ? Error{} : plane.error();
}

TEST(CurveKeys, AreMadeAnewAndBelongTogether) {
  const auto one = new_keys();
  const auto two = new_keys();
  EXPECT_FALSE(one == two);
  EXPECT_TRUE(check_curve_keys(one, "one"));
  EXPECT_FALSE(check_curve_keys({one.public_key, two.secret_key}, "mixed"));
  EXPECT_FALSE(check_curve_key("", "empty"));
  EXPECT_FALSE(check_curve_key(std::string(40, '\x01'), "no Z85"));
  EXPECT_FALSE(check_curve_key(one.public_key + "0", "too long"));
}

TEST(CurveKeys, AnErrorNeverTellsASecret) {
  const auto keys = new_keys();
  for (const auto& bad : {CurveKeys{keys.secret_key, keys.secret_key}, CurveKeys{"short", keys.secret_key},
                          CurveKeys{keys.public_key, keys.secret_key + "x"}}) {
    const auto error = refused([&](DataPlaneOptions& options) { options.keys = bad; });
    EXPECT_EQ(error.code, ErrorCode::bad_config);
    EXPECT_THAT(error.text(), Not(HasSubstr(keys.secret_key)));
  }
}

TEST(DataPlaneOptions, UnencryptedStaysOnThisMachine) {
  const auto open_to = [](const std::string& bind) {
    return [bind](DataPlaneOptions& options) {
      options.keys.reset();
      options.unencrypted = true;
      options.bind = bind;
    };
  };
  for (const auto* far : {"tcp://0.0.0.0:0", "tcp://*:0", "tcp://192.168.1.1:0", "tcp://127.evil.example:0"})
    EXPECT_THAT(refused(open_to(far)).text(), HasSubstr("stays on this machine")) << far;
  auto near = start("a", open_to("tcp://127.0.0.1:0"));
  const auto added = near.plane->add_peer({"b", "tcp://192.168.1.1:7000", ""});
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().text(), HasSubstr("stays on this machine"));
}

TEST(DataPlaneOptions, EveryBadOneIsRefusedInWords) {
  const std::vector<std::pair<Change, std::string>> bad = {
      {[](auto& o) { o.keys.reset(); }, "no keys"},
      {[](auto& o) { o.unencrypted = true; }, "one of the two"},
      {[](auto& o) { o.name = ""; }, "name"},
      {[](auto& o) { o.cluster = "a\nb"; }, "cluster"},
      {[](auto& o) { o.bind = "udp://127.0.0.1:0"; }, "udp://127.0.0.1:0"},
      {[](auto& o) { o.failure_timeout = 0.1; }, "failure_timeout"},
      {[](auto& o) { o.failure_timeout = std::nan(""); }, "failure_timeout"},
      {[](auto& o) { o.window = kib(1); }, "window"},
      {[](auto& o) { o.piece = gib(1); }, "piece"},
      {[](auto& o) { o.channels = 0; }, "channels"},
  };
  for (const auto& [change, word] : bad) {
    const auto error = refused(change);
    EXPECT_EQ(error.code, ErrorCode::bad_config) << word;
    EXPECT_THAT(error.text(), HasSubstr(word));
  }
}

TEST(DataPlaneOptions, AnAddressInUseIsAnErrorOfTheSystem) {
  const auto first = start("a");
  const auto error = refused([&](DataPlaneOptions& options) { options.bind = first.plane->endpoint(); });
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.text(), HasSubstr(first.plane->endpoint()));
}

TEST(PlaneEndpoint, IsRecognised) {
  for (const auto* good :
       {"tcp://127.0.0.1:0", "tcp://[::1]:65535", "tcp://host.example:7000", "ipc:///run/a"})
    EXPECT_TRUE(plane::check_endpoint(good)) << good;
  for (const auto* bad :
       {"", "tcp://", "tcp://:1", "tcp://host", "tcp://host:65536", "tcp://host:", "tcp://host:1x", "ipc://",
        "inproc://x", "tcp://127.0.0.1:0;10.0.0.1:5", "tcp://a b:1"})
    EXPECT_FALSE(plane::check_endpoint(bad)) << bad;
  EXPECT_FALSE(plane::check_endpoint("ipc://" + std::string(200, 'p')));
}

TEST(DataPlane, PeersThatMakeNoSenseAreRefused) {
  auto a = start("a");
  const auto key = new_keys().public_key;
  EXPECT_FALSE(a.plane->add_peer({"a", "tcp://127.0.0.1:1", key})) << "itself";
  EXPECT_FALSE(a.plane->add_peer({"b", "tcp://127.0.0.1:1", "no key"}));
  EXPECT_FALSE(a.plane->add_peer({"b", "nowhere", key}));
  ASSERT_TRUE(a.plane->add_peer({"b", "tcp://127.0.0.1:1", key}));
  EXPECT_FALSE(a.plane->add_peer({"b", "tcp://127.0.0.1:1", key})) << "twice";
  EXPECT_EQ(a.plane->open("c", 1, Priority::state).error().code, ErrorCode::not_found);
  EXPECT_EQ(a.plane->wait_for("c", 1).error().code, ErrorCode::not_found);
}

TEST(DataPlane, TheNumberOfChannelsHasALimit) {
  auto a = start("a", [](DataPlaneOptions& options) { options.channels = 2; });
  ASSERT_TRUE(a.plane->add_peer({"b", "tcp://127.0.0.1:1", new_keys().public_key}));
  const auto one = open(a, "b", 1);
  {
    const auto two = open(a, "b", 2);
    EXPECT_EQ(a.plane->open("b", 3, Priority::state).error().code, ErrorCode::no_capacity);
  }
  EXPECT_TRUE(a.plane->open("b", 3, Priority::state));
}

}  // namespace
}  // namespace troupe::test

#include "base/times.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

// A node that parks has done so before its peers give it up, they before the head does, and a head that was
// started again waits longer than a node that heard the old one needs to notice that it is gone.
TEST(Times, AreInOrderWithRoomBetween) {
  for (const double timeout : {0.1, 2.0, 30.0, 86400.0}) {
    const Times t = times_of(timeout);
    const double order[] = {t.ping, t.park, t.peer, t.node, t.returns, t.collective};
    EXPECT_GT(t.ping, 0);
    EXPECT_LE(t.collective, 2 * timeout);
    for (std::size_t i = 1; i < std::size(order); ++i) EXPECT_GT(order[i], order[i - 1] + timeout / 8) << i;
    EXPECT_GE(t.returns, t.park + t.node);
  }
}

}  // namespace
}  // namespace troupe

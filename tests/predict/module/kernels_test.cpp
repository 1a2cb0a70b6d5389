// Operators on the meta device against the processor's: the same results' shapes, layouts and kinds, the same
// bytes at the peak.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"
#include "predict/module/meta_run.hpp"
#include "tests/predict/module/kernel_rows.hpp"

namespace troupe::meta {
namespace {

using test::Row;
using test::Tensors;

class Kernel : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    install_torch_allocator();
    install_meta_device();
    use_one_torch_thread();
  }
};

struct Seen {
  Tensors results;
  std::int64_t peak = 0, left = 0;
};

Seen see(const Row& row) {
  Seen seen;
  const auto account = std::make_shared<Account>("test", gib(1 << 20));
  const AccountScope charge(account);
  seen.results = row.run();
  seen.peak = account->peak().count;
  seen.left = account->held().count;
  return seen;
}

TEST_P(Kernel, GivesAndTakesWhatTheProcessorsDoes) {
  see(GetParam());  // what is made once and kept: threads' buffers, generators
  const Seen real = see(GetParam());
  Measured measured;
  Seen told;
  {
    const MetaRun run(measured, {});
    told = see(GetParam());
  }
  // a scalar that lives for a moment inside a kernel is not seen
  EXPECT_NEAR(static_cast<double>(told.peak), static_cast<double>(real.peak),
              256 + 0.01 * static_cast<double>(real.peak));
  EXPECT_EQ(told.left, real.left);
  ASSERT_EQ(told.results.size(), real.results.size());
  for (std::size_t i = 0; i < told.results.size(); ++i) {
    SCOPED_TRACE(i);
    ASSERT_EQ(told.results[i].defined(), real.results[i].defined());
    if (!told.results[i].defined()) continue;
    EXPECT_TRUE(told.results[i].is_meta());
    EXPECT_EQ(told.results[i].sizes(), real.results[i].sizes());
    EXPECT_EQ(told.results[i].strides(), real.results[i].strides());
    EXPECT_EQ(told.results[i].scalar_type(), real.results[i].scalar_type());
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Kernel, ::testing::ValuesIn(test::table()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace troupe::meta

// How the library over LibTorch's CUDA half is found and asked; what it does itself only a GPU can tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/torch_half.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

TEST(TheTorchLibrary, SaysWhatToDoWhereThereIsNone) {
  const auto none = TorchLibrary::open("/nonexistent/libtroupe_cuda_torch.so", "2.11.0");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().text(), HasSubstr("/nonexistent/libtroupe_cuda_torch.so"));
  EXPECT_THAT(none.error().text(), HasSubstr("CUDA build of LibTorch"));
  const auto other = TorchLibrary::open(TROUPE_NVML_LIBRARY, "2.11.0");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().text(), HasSubstr("nothing of troupe"));
}

TEST(TheTorchLibrary, OfAnotherLibTorchIsRefused) {
  const auto other = TorchLibrary::open(TROUPE_HALF_LIBRARY, "2.13.0");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::wrong_version);
  for (const char* part : {"2.11.0", "2.13.0"}) EXPECT_THAT(other.error().text(), HasSubstr(part));
}

TEST(TheTorchLibrary, AttachesToASlice) {
  const auto driver = std::make_shared<FakeDriver>();
  const auto cut = cut_device(*driver, 0).value();
  const auto slice =
      GpuSlice::open(driver, cut, {.owner = "job gan", .run = {0, 2}, .budget = mib(4), .most = mib(4)})
          .value();
  const auto library = TorchLibrary::open(TROUPE_HALF_LIBRARY, "2.11.0").value();
  const auto half = library.attach(*slice, 0, 3).value();
  EXPECT_EQ(half->facts().taken.count, 3) << "the fake tells the bound of graphs";
  bool ran = false;
  EXPECT_TRUE(half->run([&] { ran = true; }));
  EXPECT_TRUE(ran);
  EXPECT_THAT(library.attach(*slice, 1).error().text(), HasSubstr("no such device"));
}

}  // namespace
}  // namespace troupe::cuda

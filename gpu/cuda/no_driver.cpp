// Takes real_driver.cpp's place where CUDA's headers were not there to build with.
#include "gpu/cuda/driver.hpp"

namespace troupe::cuda {

Result<std::shared_ptr<Driver>> open_driver(const std::string&) {
  return fail({ErrorCode::not_found,
               "this troupe can't use GPUs: it was built without CUDA's headers",
               "gpu",
               {},
               {},
               "build it on a machine with the CUDA toolkit (nvcc), or use CPU slices."});
}
bool built_with_cuda() noexcept { return false; }

}  // namespace troupe::cuda

#pragma once
// troupe's own CUDA kernels. They live in a library of their own, which is loaded only where a GPU is asked
// for: all else links to nothing of CUDA.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "gpu/cuda/driver.hpp"
#include "gpu/cuda/elements.hpp"

extern "C" {
struct TroupeAdam {
  float rate, beta2, correction, decay;
  const float *g, *p, *v, *e;  // e may be null: no moving average
  float *p2, *v2, *e2;
};
// Each gives its work to the stream and returns a code of the CUDA runtime, 0 where it went. What the
// arguments point to is device memory, they themselves are not.
int troupe_cuda_tree_sum(const troupe::cuda::TreeLeaves* leaves, float* out, std::size_t n, float scale,
                         void* stream);
int troupe_cuda_tree_sum_double(const troupe::cuda::TreeLeaves* leaves, double* out, std::size_t n,
                                double scale, void* stream);
int troupe_cuda_tree_sum_long(const troupe::cuda::TreeLeaves* leaves, long long* out, std::size_t n,
                              long long scale, void* stream);
int troupe_cuda_adam(const TroupeAdam* arguments, std::size_t n, void* stream);
const char* troupe_cuda_error(int code);
}

namespace troupe::cuda {

class Library;

class Kernels {
 public:
  /// not_found, with what to do, where the library or what it needs of CUDA is not there.
  static Result<Kernels> open(const std::string& path);
  /// The leaves' sum times `scale`; `out` may be one of them. internal, with CUDA's text, where the launch
  /// fails.
  Result<void> tree_sum(const TreeLeaves& leaves, float* out, std::size_t n, float scale,
                        Stream stream) const;
  Result<void> tree_sum(const TreeLeaves& leaves, double* out, std::size_t n, double scale,
                        Stream stream) const;
  Result<void> tree_sum(const TreeLeaves& leaves, std::int64_t* out, std::size_t n, std::int64_t scale,
                        Stream stream) const;
  Result<void> adam(const TroupeAdam& arguments, std::size_t n, Stream stream) const;

 private:
  Result<void> told(int code, const char* kernel) const;
  std::shared_ptr<Library> library_;
  decltype(&::troupe_cuda_tree_sum) tree_sum_ = nullptr;
  decltype(&::troupe_cuda_tree_sum_double) tree_sum_double_ = nullptr;
  decltype(&::troupe_cuda_tree_sum_long) tree_sum_long_ = nullptr;
  decltype(&::troupe_cuda_adam) adam_ = nullptr;
  decltype(&::troupe_cuda_error) error_ = nullptr;
};

}  // namespace troupe::cuda

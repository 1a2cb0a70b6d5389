// The first kernels: elementwise, one thread an element at a time, in the CPU's order
// (gpu/cuda/elements.hpp). They are bound by memory; what they gain from wider loads is to be measured on a
// GPU before it is written.
#include <cuda_runtime.h>

#include "gpu/cuda/elements.hpp"
#include "gpu/cuda/kernels.hpp"

namespace {

using troupe::cuda::AdamStep;
using troupe::cuda::TreeLeaves;

constexpr unsigned kThreads = 256;
constexpr unsigned kBlocksMost = 4096;  // more elements than that many threads: each thread does several

unsigned blocks_for(std::size_t n) {
  const std::size_t wanted = (n + kThreads - 1) / kThreads;
  return static_cast<unsigned>(wanted < kBlocksMost ? wanted : kBlocksMost);
}

__device__ std::size_t first_element() {
  return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::size_t stride() { return static_cast<std::size_t>(gridDim.x) * blockDim.x; }

template <class T>
__global__ void tree_sum(const __grid_constant__ TreeLeaves leaves, T* out, std::size_t n, T scale) {
  for (std::size_t i = first_element(); i < n; i += stride())
    out[i] = troupe::cuda::tree_times(troupe::cuda::tree_element<T>(leaves, i), scale);
}

__global__ void adam(AdamStep step, const float* g, const float* p, const float* v, const float* e, float* p2,
                     float* v2, float* e2, std::size_t n) {
  for (std::size_t i = first_element(); i < n; i += stride()) {
    const float second = troupe::cuda::adam_v(step, g[i], v[i]);
    const float moved = troupe::cuda::adam_p(step, g[i], p[i], second);
    v2[i] = second;
    p2[i] = moved;
    if (e != nullptr) e2[i] = troupe::cuda::adam_e(step, e[i], moved);
  }
}

/// Of the launch just made, without waiting for it; clears it for the next caller.
int launched() { return static_cast<int>(cudaGetLastError()); }

template <class T>
int start_tree_sum(const TreeLeaves* leaves, T* out, std::size_t n, T scale, void* stream) {
  if (n == 0) return 0;
  if (leaves->count < 0 || leaves->count > troupe::cuda::kTreeLeaves)
    return static_cast<int>(cudaErrorInvalidValue);
  tree_sum<T><<<blocks_for(n), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(*leaves, out, n, scale);
  return launched();
}

}  // namespace

extern "C" int troupe_cuda_tree_sum(const TreeLeaves* leaves, float* out, std::size_t n, float scale, void* stream) {
  return start_tree_sum(leaves, out, n, scale, stream);
}
extern "C" int troupe_cuda_tree_sum_double(const TreeLeaves* leaves, double* out, std::size_t n, double scale,
                                           void* stream) {
  return start_tree_sum(leaves, out, n, scale, stream);
}
extern "C" int troupe_cuda_tree_sum_long(const TreeLeaves* leaves, long long* out, std::size_t n, long long scale,
                                         void* stream) {
  return start_tree_sum(leaves, out, n, scale, stream);
}

extern "C" int troupe_cuda_adam(const TroupeAdam* arguments, std::size_t n, void* stream) {
  if (n == 0) return 0;
  const TroupeAdam& a = *arguments;
  adam<<<blocks_for(n), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      {a.rate, a.beta2, a.correction, a.decay}, a.g, a.p, a.v, a.e, a.p2, a.v2, a.e2, n);
  return launched();
}

extern "C" const char* troupe_cuda_error(int code) {
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}

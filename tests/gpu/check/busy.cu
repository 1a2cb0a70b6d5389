// A kernel that only computes: no memory to wait for, so that two of them show whether slices share SMs.
#include <cuda_runtime.h>

namespace {

__global__ void busy(float* out, int rounds) {
  float a = threadIdx.x * 1e-3F, b = blockIdx.x * 1e-3F;
  for (int i = 0; i < rounds; ++i) {
    a = fmaf(a, 0.999F, b);
    b = fmaf(b, 0.998F, a);
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = a + b;
}

}  // namespace

/// `out`: 256 numbers a block. A code of the CUDA runtime, 0 where it went.
extern "C" int troupe_check_busy(float* out, int blocks, int rounds, void* stream) {
  busy<<<static_cast<unsigned>(blocks), 256, 0, static_cast<cudaStream_t>(stream)>>>(out, rounds);
  return static_cast<int>(cudaGetLastError());
}

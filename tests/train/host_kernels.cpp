// The library of CUDA kernels, computed on the host by the very formulas: for programs on a device that is
// none.
#include "gpu/cuda/kernels.hpp"

namespace {
template <class T>
int sum(const troupe::cuda::TreeLeaves& leaves, T* out, std::size_t n, T scale) {
  for (std::size_t i = 0; i < n; ++i)
    out[i] = troupe::cuda::tree_times(troupe::cuda::tree_element<T>(leaves, i), scale);
  return 0;
}
}  // namespace

extern "C" {
int troupe_cuda_tree_sum(const troupe::cuda::TreeLeaves* leaves, float* out, std::size_t n, float scale,
                         void*) {
  return sum(*leaves, out, n, scale);
}
int troupe_cuda_tree_sum_double(const troupe::cuda::TreeLeaves* leaves, double* out, std::size_t n,
                                double scale, void*) {
  return sum(*leaves, out, n, scale);
}
int troupe_cuda_tree_sum_long(const troupe::cuda::TreeLeaves* leaves, long long* out, std::size_t n,
                              long long scale, void*) {
  return sum(*leaves, out, n, scale);
}
int troupe_cuda_adam(const TroupeAdam* a, std::size_t n, void*) {
  const troupe::cuda::AdamStep step{a->rate, a->beta2, a->correction, a->decay};
  for (std::size_t i = 0; i < n; ++i) {
    a->v2[i] = troupe::cuda::adam_v(step, a->g[i], a->v[i]);
    a->p2[i] = troupe::cuda::adam_p(step, a->g[i], a->p[i], a->v2[i]);
    if (a->e != nullptr) a->e2[i] = troupe::cuda::adam_e(step, a->e[i], a->p2[i]);
  }
  return 0;
}
const char* troupe_cuda_error(int) { return "no error"; }
}

#include "gpu/cuda/kernels.hpp"

#include "gpu/cuda/library.hpp"

namespace troupe::cuda {
namespace {

Error no_kernels(std::string what, const std::string& path) {
  return {ErrorCode::not_found,
          std::move(what),
          path,
          {},
          {},
          "GPU jobs want troupe built where nvcc is, and CUDA's runtime library beside it."};
}

}  // namespace

Result<Kernels> Kernels::open(const std::string& path) {
  auto library = Library::open(path);
  if (!library) return fail(no_kernels(library.error().what, path));
  Kernels k;
  k.library_ = std::move(*library);
  k.tree_sum_ = reinterpret_cast<decltype(k.tree_sum_)>(k.library_->symbol("troupe_cuda_tree_sum"));
  k.tree_sum_double_ =
      reinterpret_cast<decltype(k.tree_sum_double_)>(k.library_->symbol("troupe_cuda_tree_sum_double"));
  k.tree_sum_long_ =
      reinterpret_cast<decltype(k.tree_sum_long_)>(k.library_->symbol("troupe_cuda_tree_sum_long"));
  k.adam_ = reinterpret_cast<decltype(k.adam_)>(k.library_->symbol("troupe_cuda_adam"));
  k.error_ = reinterpret_cast<decltype(k.error_)>(k.library_->symbol("troupe_cuda_error"));
  if (!k.tree_sum_ || !k.tree_sum_double_ || !k.tree_sum_long_ || !k.adam_ || !k.error_)
    return fail(no_kernels("it holds no kernels of troupe", path));
  return k;
}

Result<void> Kernels::told(int code, const char* kernel) const {
  if (code == 0) return {};
  return fail({ErrorCode::internal, std::string("the kernel was not started: ") + error_(code), kernel,
               "code " + std::to_string(code)});
}

Result<void> Kernels::tree_sum(const TreeLeaves& leaves, float* out, std::size_t n, float scale,
                               Stream stream) const {
  return told(tree_sum_(&leaves, out, n, scale, reinterpret_cast<void*>(stream.value)), "tree_sum of float");
}
Result<void> Kernels::tree_sum(const TreeLeaves& leaves, double* out, std::size_t n, double scale,
                               Stream stream) const {
  return told(tree_sum_double_(&leaves, out, n, scale, reinterpret_cast<void*>(stream.value)),
              "tree_sum of double");
}
Result<void> Kernels::tree_sum(const TreeLeaves& leaves, std::int64_t* out, std::size_t n, std::int64_t scale,
                               Stream stream) const {
  static_assert(sizeof(std::int64_t) == sizeof(long long));
  return told(tree_sum_long_(&leaves, reinterpret_cast<long long*>(out), n, scale,
                             reinterpret_cast<void*>(stream.value)),
              "tree_sum of int64");
}

Result<void> Kernels::adam(const TroupeAdam& arguments, std::size_t n, Stream stream) const {
  return told(adam_(&arguments, n, reinterpret_cast<void*>(stream.value)), "adam");
}

}  // namespace troupe::cuda

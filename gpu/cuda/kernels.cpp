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
  k.adam_ = reinterpret_cast<decltype(k.adam_)>(k.library_->symbol("troupe_cuda_adam"));
  k.error_ = reinterpret_cast<decltype(k.error_)>(k.library_->symbol("troupe_cuda_error"));
  if (!k.tree_sum_ || !k.adam_ || !k.error_) return fail(no_kernels("it holds no kernels of troupe", path));
  return k;
}

Result<void> Kernels::told(int code, const char* kernel) const {
  if (code == 0) return {};
  return fail({ErrorCode::internal, std::string("the kernel was not started: ") + error_(code), kernel,
               "code " + std::to_string(code)});
}

Result<void> Kernels::tree_sum(const float* const* members, int count, float* out, std::size_t n, float scale,
                               Stream stream) const {
  return told(tree_sum_(members, count, out, n, scale, reinterpret_cast<void*>(stream.value)), "tree_sum");
}

Result<void> Kernels::adam(const TroupeAdam& arguments, std::size_t n, Stream stream) const {
  return told(adam_(&arguments, n, reinterpret_cast<void*>(stream.value)), "adam");
}

}  // namespace troupe::cuda

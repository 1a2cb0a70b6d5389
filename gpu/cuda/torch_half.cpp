#include "gpu/cuda/torch_half.hpp"

#include "gpu/cuda/library.hpp"

namespace troupe::cuda {
namespace {

using Version = decltype(&::troupe_cuda_torch_version);
using Attach = decltype(&::troupe_cuda_torch_attach);

Error none(std::string what, const std::string& path) {
  return {ErrorCode::not_found,
          std::move(what),
          path,
          {},
          {},
          "GPU jobs want troupe built against the CUDA build of LibTorch, and that beside it."};
}

}  // namespace

Result<TorchLibrary> TorchLibrary::open(const std::string& path, const std::string& torch) {
  auto library = Library::open(path);
  if (!library) return fail(none(library.error().what, path));
  const auto version = reinterpret_cast<Version>((*library)->symbol("troupe_cuda_torch_version"));
  if (!version || !(*library)->symbol("troupe_cuda_torch_attach"))
    return fail(none("it holds nothing of troupe", path));
  if (version() != torch)
    return fail({ErrorCode::wrong_version, "built for another LibTorch", path, version(), torch,
                 "Build troupe anew, all of it against one LibTorch."});
  TorchLibrary opened;
  opened.library_ = std::move(*library);
  return opened;
}

Result<std::unique_ptr<TorchHalf>> TorchLibrary::attach(GpuSlice& slice, int device,
                                                        std::size_t graphs) const {
  Error error;
  const auto attach = reinterpret_cast<Attach>(library_->symbol("troupe_cuda_torch_attach"));
  std::unique_ptr<TorchHalf> half(attach(&slice, device, graphs, &error));
  if (!half) return fail(std::move(error));
  return half;
}

}  // namespace troupe::cuda

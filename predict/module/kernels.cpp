#include "predict/module/kernels.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/enum_tag.h>
#include <torch/library.h>

#include <array>
#include <string>

namespace troupe::meta {
namespace {

using c10::DispatchKey;

/// Those for which the meta device has a kernel, or a way around one, that says nothing of what the
/// processor's takes besides: a convolution's workspace, a copy of a gradient that is expanded.
constexpr std::array kWithScratch{"convolution",
                                  "_convolution",  // as traced networks call it
                                  "convolution_backward",
                                  "mse_loss",
                                  "smooth_l1_loss",
                                  "huber_loss",
                                  "_softmax_backward_data",
                                  "_log_softmax_backward_data",
                                  "gelu_backward",
                                  "max_pool2d_with_indices",
                                  "max_pool2d_with_indices_backward",
                                  "avg_pool2d",
                                  "avg_pool2d_backward",
                                  "avg_pool3d",
                                  "avg_pool3d_backward",
                                  "adaptive_max_pool2d",
                                  "adaptive_max_pool2d_backward",
                                  "adaptive_max_pool3d",
                                  "adaptive_max_pool3d_backward",
                                  "upsample_nearest1d",
                                  "upsample_nearest1d_backward",
                                  "upsample_nearest2d",
                                  "upsample_nearest2d_backward",
                                  "upsample_nearest3d",
                                  "upsample_nearest3d_backward",
                                  "upsample_linear1d",
                                  "upsample_linear1d_backward",
                                  "upsample_bilinear2d",
                                  "upsample_bilinear2d_backward",
                                  "upsample_bicubic2d",
                                  "upsample_bicubic2d_backward",
                                  "upsample_trilinear3d",
                                  "upsample_trilinear3d_backward"};

/// Has the processor a kernel of its own and the meta device none? A composite kernel in its place would take
/// other temporaries.
bool missing(const c10::OperatorHandle& op) {
  return op.hasKernelForDispatchKey(DispatchKey::CPU) && !op.hasKernelForDispatchKey(DispatchKey::Meta);
}

bool depends_on_values(const c10::OperatorHandle& op) {
  return op.hasTag(at::Tag::data_dependent_output) || op.hasTag(at::Tag::dynamic_output_shape);
}

/// To be run for a measurement it must compute tensors of tensors. Text is the name of a file.
bool measurable(const c10::FunctionSchema& schema) {
  bool tensors = false;
  for (const auto& argument : schema.arguments()) {
    const auto kind = argument.type()->kind();
    if (kind == c10::TypeKind::StringType && argument.name() == "filename") return false;
    tensors = tensors || kind == c10::TypeKind::TensorType ||
              argument.type()->isSubtypeOf(*c10::ListType::ofTensors());
  }
  return tensors && !schema.returns().empty();
}

}  // namespace

void add_missing_kernels() {
  // Never destroyed, which would take the kernels away again.
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", DispatchKey::Meta, __FILE__, __LINE__);
  static auto* const autograd =
      new torch::Library(torch::Library::IMPL, "aten", DispatchKey::AutogradMeta, __FILE__, __LINE__);
  add_plain_kernels(*library);
  add_choices(*library, *autograd);
  const auto measured = [&](const std::string& name) {
    library->impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&measured_kernel>());
  };
  for (const char* name : kWithScratch) measured(name);
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (name.name.rfind("aten::", 0) != 0) continue;
    const auto op = dispatcher.findSchema(name);
    if (!op || !missing(*op)) continue;
    const std::string full = name.overload_name.empty() ? name.name : name.name + "." + name.overload_name;
    if (depends_on_values(*op))
      library->impl(full.c_str(), torch::CppFunction::makeFromBoxedFunction<&value_kernel>());
    else if (measurable(op->schema()))
      measured(full);
  }
}

}  // namespace troupe::meta

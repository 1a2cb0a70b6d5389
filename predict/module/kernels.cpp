#include "predict/module/kernels.hpp"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/enum_tag.h>
#include <torch/library.h>

#include <array>
#include <string>

namespace troupe::meta {
namespace {

using c10::DispatchKey;

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
  // composite, but for the processor they go to backends that take workspaces
  for (const char* name : {"convolution", "convolution_backward"}) measured(name);
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

#pragma once
// Operators on the meta device that LibTorch lacks there. Private to this folder.
namespace c10 {
class OperatorHandle;
struct IValue;
}  // namespace c10
namespace torch {
class Library;
}
#include <ATen/core/stack.h>

namespace troupe::meta {

/// Registers all of the below; process-wide, to be called once.
void add_missing_kernels();

/// Plain ones, which take nothing but their results.
void add_plain_kernels(torch::Library& library);
/// Attention, which chooses its kernel by the device, and the engine's sums of gradients.
void add_choices(torch::Library& library, torch::Library& autograd);

/// A boxed kernel: what the operator takes and gives on the processor is looked up, and measured where it is
/// new.
void measured_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack);
/// A boxed kernel: an operator whose result depends on values. Refuses.
void value_kernel(const c10::OperatorHandle& op, torch::jit::Stack* stack);

}  // namespace troupe::meta

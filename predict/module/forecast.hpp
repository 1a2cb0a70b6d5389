#pragma once
// What a network's step takes, told before it runs, for networks that are not written over raw kernels: a
// torch::nn module of a user's own (step.hpp), a TorchScript file (here). The step itself runs on LibTorch's
// meta device, where tensors have sizes and no memory; what the processor's kernels take beside their results
// is measured once an operator and shape (measured.hpp). Needs no LibTorch to be included.
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"
#include "predict/module/measured.hpp"

namespace troupe::meta {

/// What the operators of one step would have done.
struct ModuleWork {
  double convolution_flops = 0, product_flops = 0;
  double bytes = 0;  // read and written by all operators but those two kinds
  std::int64_t operators = 0;
  double flops() const noexcept { return convolution_flops + product_flops; }
};

/// Bytes as an Account is charged with them, for a step on one processor.
struct ModuleForecast {
  std::int64_t parameters = 0;
  std::int64_t gradients = 0;  // after a step
  std::int64_t optimiser = 0;  // and whatever else the first step left behind
  std::int64_t held = 0;       // between two steps: the three, the inputs, buffers
  std::int64_t peak = 0;       // of building it and of its first two steps
  std::int64_t headroom = 0;   // to be given on top: headroom(peak)
  std::int64_t measured = 0;   // operators that had to be measured, for they were new to `Measured`
  ModuleWork work;
};

/// What a slice is to be given beyond a predicted peak: 1 % and 64 KiB. The bench predict-memory holds every
/// one of its configurations against it.
std::int64_t headroom(std::int64_t peak) noexcept;

struct ForecastLimits {
  Bytes memory = gib(1 << 14);          // a step that would hold more is refused
  Bytes measured = gib(4);              // an operator whose tensors are larger is not measured but refused
  std::int64_t operators = 10'000'000;  // of building and two steps, a loop's turns among them
};

struct ScriptOptions {
  std::int64_t batch = 0;          // over the input's first extent; 0: as the shape says
  std::string optimiser = "adam";  // sgd, momentum, adam, adamw
  bool training = true;            // else a forward pass alone, without gradients
  ForecastLimits limits;
};

/// A TorchScript file, which is held hostile: looked through (script_file.hpp) before LibTorch sees it, and
/// refused if it would read or write files, run code while it is loaded, or decide by a tensor's value.
/// `shape` is of its one input, batch first, float. The loss is the mean square of what it returns. Blocks;
/// to be called where blocking is allowed. Errors: not_found, io, bad_data (what is no TorchScript or does
/// not take this input), bad_usage, over_budget (past limits.memory).
Result<ModuleForecast> forecast_script(const std::string& path, const std::vector<std::int64_t>& shape,
                                       const ScriptOptions& options, Measured& measured);

}  // namespace troupe::meta

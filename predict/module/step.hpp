#pragma once
// For code that has LibTorch: the step of a module of one's own.
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "predict/module/forecast.hpp"

namespace troupe::meta {

/// A module, its optimiser and one batch, ready to be stepped.
struct ModuleStep {
  std::vector<at::Tensor> parameters;
  std::function<void()> run;  // zero the gradients, forward, loss, backward, optimiser's step
};

/// `build` makes it with LibTorch's ordinary calls: while it and `run` work, every tensor that they make is
/// put on the meta device, whatever device they name. So they must not look into tensors: item() and branches
/// on values are refused (bad_data, in words); data_ptr() is null. Tensors made outside, from_blob() among
/// them, stay where they are and can't be mixed in. With as many LibTorch threads as the calling thread has.
Result<ModuleForecast> forecast_step(const std::function<ModuleStep()>& build, Measured& measured,
                                     const ForecastLimits& limits = {});

}  // namespace troupe::meta

#include "predict/module/forecast.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <memory>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"
#include "predict/module/meta_run.hpp"
#include "predict/module/step.hpp"

namespace troupe::meta {
namespace {

std::int64_t charged(const at::Tensor& t) { return t.defined() ? charged_bytes(t.nbytes()).count : 0; }

}  // namespace

std::int64_t headroom(std::int64_t peak) noexcept { return peak / 100 + kib(64).count; }

Result<ModuleForecast> forecast_step(const std::function<ModuleStep()>& build, Measured& measured,
                                     const ForecastLimits& limits) {
  install_torch_allocator();
  install_meta_device();
  const auto account = std::make_shared<Account>("forecast", limits.memory);
  account->set_phase("a step on the meta device");
  const AccountScope charge(account);
  MetaRun run(measured, limits);
  try {
    ModuleForecast told;
    const ModuleStep step = build();
    for (const at::Tensor& p : step.parameters) told.parameters += charged(p);
    const std::int64_t built = account->held().count;
    step.run();
    for (const at::Tensor& p : step.parameters) told.gradients += charged(p.grad());
    told.optimiser = std::max<std::int64_t>(0, account->held().count - built - told.gradients);
    {
      const WorkCount count;
      step.run();
      told.work = count.work();
    }
    told.held = account->held().count;
    told.peak = account->peak().count;
    told.headroom = headroom(told.peak);
    told.measured = run.newly_measured;
    return told;
  } catch (...) {
    return fail(run.why("forecast"));
  }
}

}  // namespace troupe::meta

#pragma once
// What a module's step really takes: the same building and steps on the processor, on one account.
#include <functional>
#include <memory>

#include "gpu/account.hpp"
#include "gpu/torch_allocator.hpp"
#include "predict/module/step.hpp"

namespace troupe::test {

/// Bytes at the peak of building it and of `steps` steps; -1 where something stayed behind.
inline std::int64_t peak_of(const std::function<meta::ModuleStep()>& build, int steps = 2) {
  const auto account = std::make_shared<Account>("measured", gib(1 << 20));
  {
    const AccountScope charge(account);
    const meta::ModuleStep step = build();
    for (int i = 0; i < steps; ++i) step.run();
  }
  return account->held().count == 0 ? account->peak().count : -1;
}

}  // namespace troupe::test

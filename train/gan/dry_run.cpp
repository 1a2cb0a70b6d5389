#include "train/gan/dry_run.hpp"

#include <utility>

#include "gpu/account.hpp"
#include "train/gan/conv.hpp"
#include "train/gan/workspaces.hpp"

namespace troupe::gan {

namespace {
thread_local DryRun* the_run = nullptr;
}

DryRun::DryRun(Workspaces& workspaces) noexcept
    : workspaces_(workspaces), before_(std::exchange(the_run, this)) {}

DryRun::~DryRun() { the_run = before_; }

DryRun* DryRun::current() noexcept { return the_run; }

void DryRun::elementwise(double floats) noexcept { work_.elementwise(sizeof(float) * floats); }

void DryRun::product(double rows, double columns, double inner) noexcept {
  work_.product_flops += 2 * rows * columns * inner;
  ++work_.products;
}

void DryRun::convolution(const Conv& conv, Pass pass, std::int64_t images, std::int64_t size) {
  // pixels of the lower resolution for each tap where the resolution changes
  const double pixels = static_cast<double>(size) * static_cast<double>(size);
  const double taps = conv.kind == Kernel::plain ? 9 * pixels : 16 * pixels / 4;
  work_.convolution(static_cast<Work::Pass>(pass), conv.in, conv.out,
                    2 * static_cast<double>(images) * taps * conv.in * conv.out);
  const std::int64_t bytes = workspaces_.of(conv, pass, images, size);
  if (Account* account = current_account(); account != nullptr && account->charge(bytes))
    account->release(bytes);
}

bool skipped(std::int64_t floats) noexcept {
  if (the_run == nullptr) return false;
  the_run->elementwise(static_cast<double>(floats));
  return true;
}

}  // namespace troupe::gan

#pragma once
#include <functional>

#include "actors/common.hpp"
#include "gpu/devices.hpp"

namespace troupe {
struct SliceArgs {
  std::string job;
  std::shared_ptr<Account> account;
  std::shared_ptr<const CpuDevice> device;  // messages name its cores by id
  std::function<void()> thread_setup;
  SharedClock clock;
  std::shared_ptr<BusyMeter> meter;
};
struct SliceState {
  SliceArgs args;
  std::unique_ptr<CpuSlice> slice;  // made on the actor's own thread, which is its worker 0
  std::vector<StepStats> unsent;
  double sent_at = 0;
  const char* name = "slice";
};
slice_actor::behavior_type slice(slice_actor::stateful_pointer<SliceState> self, SliceArgs args);
}  // namespace troupe

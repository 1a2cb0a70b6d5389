#pragma once
#include <functional>

#include "actors/common.hpp"
#include "gpu/device_slice.hpp"
#include "gpu/devices.hpp"

namespace troupe {
struct SliceArgs {
  std::string job;
  std::shared_ptr<Account> account;
  std::shared_ptr<const CpuDevice> device;  // messages name its cores by id
  std::function<void()> thread_setup;
  SharedClock clock;
  std::shared_ptr<BusyMeter> meter;
  bool of_gpu = false;  // takes its share by TakeShare; else one of `device`
};
struct SliceState {
  SliceState() = default;
  SliceState(const SliceState&) = delete;
  SliceState& operator=(const SliceState&) = delete;
  ~SliceState();

  SliceArgs args;
  std::unique_ptr<CpuSlice> slice;  // made on the actor's own thread, which is its worker 0
  /// Of a GPU: the share, whose, and the program whose networks are there.
  std::unique_ptr<DeviceSlice> share;
  std::string gpu;
  std::shared_ptr<Program> program;
  std::vector<StepStats> unsent;
  double sent_at = 0;
  bool set_up = false;  // this thread, for work beyond a CPU's leases
  const char* name = "slice";
};
slice_actor::behavior_type slice(slice_actor::stateful_pointer<SliceState> self, SliceArgs args);
}  // namespace troupe

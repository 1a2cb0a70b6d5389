#include "train/gan/device/late_runtime.hpp"

namespace troupe::gan {

void LateRuntime::open(DeviceSlice& slice) {
  auto* const mine = dynamic_cast<RuntimeSlice*>(&slice);
  if (mine == nullptr)
    throw ErrorException(Error{ErrorCode::bad_config, "the GAN knows no such device", "its slice"});
  inner_ = mine->runtime(compute_);
}

DeviceRuntime& LateRuntime::inner() const {
  if (!inner_)
    throw ErrorException(Error{ErrorCode::internal,
                               "something of a device was asked for before its job had a slice", "the GAN"});
  return *inner_;
}

}  // namespace troupe::gan

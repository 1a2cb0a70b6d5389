#include "train/gan/device/replica.hpp"

#include <ATen/ATen.h>

#include <array>

namespace troupe::gan {
namespace {
std::array<at::Tensor*, 3> parts(DeviceSide& side) { return {&side.parameters, &side.moment, &side.average}; }
}  // namespace

GanReplica& DeviceReplica::current() const {
  if (!host_is_old_) return *host_;
  DeviceSide side = sides_[committed_];
  const auto spans = host_->state();
  for (std::size_t i = 0; i < spans.size(); ++i)
    if (!spans[i].empty()) runtime_.to_host(reinterpret_cast<float*>(spans[i].data()), *parts(side)[i]);
  host_->adopt();
  host_is_old_ = false;
  return *host_;
}

/// Whole, or not at all: what did not fit is asked for anew by the next enter().
void DeviceReplica::upload() {
  if (!runtime_.ready()) return;
  try {
    upload_all();
  } catch (...) {
    leave();
    throw;
  }
}

void DeviceReplica::upload_all() {
  const auto spans = host_->state();
  const std::int64_t n = size();
  for (DeviceSide& side : sides_)
    for (std::size_t i = 0; i < spans.size(); ++i) {
      at::Tensor& part = *parts(side)[i];
      if (spans[i].empty()) continue;
      if (!part.defined() || part.numel() != n) {
        part.reset();  // first, so that both need not fit
        part = runtime_.buffer(n);
      }
      runtime_.from_host(part, reinterpret_cast<const float*>(spans[i].data()));
    }
  pending_ = false;
}

void DeviceReplica::enter(const Moment& moment) {
  if (host_->phase() >= moment.phase && sides_[0].parameters.defined()) return;
  current().enter(moment);
  upload();
}

Result<void> DeviceReplica::restore(const std::filesystem::path& file, const Moment& moment) {
  host_is_old_ = false;
  if (auto restored = host_->restore(file, moment); !restored) return restored;
  upload();
  return {};
}

void DeviceReplica::adopt() {
  host_->adopt();
  host_is_old_ = false;
  upload();
}

void DeviceReplica::update(const at::Tensor& gradient, std::int64_t step) {
  for (int phase = 0; phase <= host_->phase(); ++phase) {
    const auto first = static_cast<std::int64_t>(phase == 0 ? 0 : table().count(phase - 1));
    const auto end = static_cast<std::int64_t>(table().count(phase));
    if (end > first)
      runtime_.adam(host_->adam_step(phase, step), gradient, sides_[committed_], sides_[1 - committed_],
                    first, end - first);
  }
  pending_ = true;
}

void DeviceReplica::leave() {
  for (DeviceSide& side : sides_) side = {};
  pending_ = false;
}

void DeviceReplica::commit() {
  if (!pending_) return;
  committed_ = 1 - committed_;
  pending_ = false;
  host_is_old_ = true;
}

}  // namespace troupe::gan

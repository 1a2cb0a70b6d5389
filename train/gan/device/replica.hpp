#pragma once
// A network whose state lives on a device. Its replica on the host (train/gan/replica.hpp) is what
// checkpoints, pictures and copies are made of; it is brought up to date when it is asked for one of them.
#include <memory>

#include "train/gan/device/runtime.hpp"
#include "train/gan/replica.hpp"

namespace troupe::gan {

/// Contracts are Replica's; for the runtime's thread. Both outlive it. While the runtime has no device, it is
/// its host's copy.
class DeviceReplica final : public Replica {
 public:
  DeviceReplica(std::shared_ptr<GanReplica> host, DeviceRuntime& runtime)
      : host_(std::move(host)), runtime_(runtime) {}

  std::string name() const override { return host_->name(); }
  void enter(const Moment& moment) override;
  std::uint64_t hash() const override { return current().hash(); }
  std::int64_t parameters() const override { return host_->parameters(); }
  std::shared_ptr<const Snapshot> snapshot() const override { return current().snapshot(); }
  Result<void> restore(const std::filesystem::path& file, const Moment& moment) override;
  std::vector<std::span<std::byte>> state() override { return current().state(); }
  void adopt() override;
  bool makes_images() const override { return host_->makes_images(); }
  Result<std::vector<Image>> sample(int count, std::int64_t seed, const Moment& moment) const override {
    return current().sample(count, seed, moment);
  }

  const ParamTable& table() const { return host_->table(); }
  std::int64_t size() const { return static_cast<std::int64_t>(host_->size()); }
  /// What the step's next stage reads: an update counts before it is committed.
  const at::Tensor& raw() const { return sides_[pending_ ? 1 - committed_ : committed_].parameters; }
  /// The whole of it, with `gradient` [size()] on the device, of step `step`.
  void update(const at::Tensor& gradient, std::int64_t step);
  void commit();
  void roll_back() { pending_ = false; }
  /// Nothing of it stays on the device; what the host has of it may be old.
  void leave();

 private:
  GanReplica& current() const;
  void upload();
  void upload_all();

  std::shared_ptr<GanReplica> host_;
  DeviceRuntime& runtime_;
  DeviceSide sides_[2];
  int committed_ = 0;
  bool pending_ = false;
  mutable bool host_is_old_ = false;
};

}  // namespace troupe::gan

#pragma once
// LibTorch's meta device as a place to run steps on. Private to this folder.
#include <c10/core/DispatchKey.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "predict/module/forecast.hpp"

namespace troupe::meta {

/// Process-wide, once: the meta device's allocator charges the calling thread's account, the device argument
/// of every operator is rewritten while a MetaRun lives, and operators that the meta device lacks are added
/// (kernels.cpp, measure.cpp). Idempotent.
void install_meta_device();

/// While it lives, tensors that this thread makes are on the meta device. One a thread.
class MetaRun {
 public:
  MetaRun(Measured& measured, const ForecastLimits& limits);
  ~MetaRun();
  MetaRun(const MetaRun&) = delete;
  MetaRun& operator=(const MetaRun&) = delete;
  static MetaRun* current() noexcept;

  /// Of every operator and turn of a loop; throws past the limit.
  void tick();
  /// Keeps the error (the TorchScript interpreter would lose its type) and throws it.
  [[noreturn]] void refuse(Error error);
  /// What ended the run, in a catch block.
  Error why(const std::string& where) const;

  /// Does the autograd engine run a node's formula, and not something of its own between two nodes?
  bool inside_a_node() const noexcept { return nodes_ > 0; }

  Measured& measured;
  const ForecastLimits limits;
  std::int64_t newly_measured = 0;

 private:
  std::int64_t ticks_ = 0;
  std::int64_t nodes_ = 0;
  std::uint64_t watch_ = 0;
  std::optional<Error> refused_;
};

/// The key of the mode that rewrites devices.
inline constexpr auto kMode = c10::DispatchKey::TESTING_ONLY_GenericMode;

/// Counts this thread's operators while it lives.
class WorkCount {
 public:
  WorkCount();
  ~WorkCount();
  WorkCount(const WorkCount&) = delete;
  WorkCount& operator=(const WorkCount&) = delete;
  const ModuleWork& work() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::meta

#pragma once
// How much two jobs slow each other down that run beside each other, on cores of their own, of one device.
// Pure; thread-safe it is not.
#include <string>

#include "predict/correction.hpp"
#include "predict/roofline.hpp"

namespace troupe {

/// What a job asks of the device while it has it for itself: each rate as a share of what a core of the
/// device can do. The rest of its time it waits for something else: its data, another node.
struct StepProfile {
  double arithmetic = 0;  // operations a second, operators' own costs included
  double near = 0;        // bytes a second within a core's own caches
  double far = 0;         // bytes a second of what all cores share: the last cache, memory
  double touched = 0;     // bytes that it goes through in a step: its claim on the shared cache
  int cores = 1;
};

/// `waiting`: share of a step, 0 … 1, that it spends without work (StepStats::wait_seconds).
StepProfile profile_of(const PhaseForecast& phase, const DeviceRates& rates, int cores, double waiting = 0);

/// A step of `me` beside `other` over a step of it alone: 1 is not at all. While both want the same at the
/// same time, each has of its rate what a core keeps of it while so many more are at work (roofline.hpp); and
/// where the shared cache holds what one goes through but not what both do, the difference comes from memory.
double slowdown(const StepProfile& me, const StepProfile& other, const DeviceRates& rates);

/// Below the folder of runs.
inline constexpr const char* kInterferenceFile = ".interference.json";

/// Which jobs are alike.
struct Neighbour {
  std::string kind, phase;
  int cores = 1;
};

/// The same, corrected by what was measured: by the median of the newest ratios of the very pair, else of all
/// pairs of `me`'s kind and phase. Robust as Correction is.
class Interference {
 public:
  Interference() = default;
  explicit Interference(Correction learned) : learned_(std::move(learned)) {}
  double corrected(const Neighbour& me, const Neighbour& other, double forecast) const;
  /// How often the very pair was measured.
  std::int64_t measured(const Neighbour& me, const Neighbour& other) const;
  std::string text() const { return learned_.text(); }  // for Correction::from_text
  /// Beside each other a step took `measured` times what it takes alone; slowdown() had said `forecast`.
  void learn(const Neighbour& me, const Neighbour& other, double forecast, double measured);

 private:
  Correction learned_;
};

}  // namespace troupe

#pragma once
// What steps took over what they were said to take, by kind of job, phase and cores; and beside it the same
// of peaks. Pure; thread-safe it is not.
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "predict/peak_errors.hpp"

namespace troupe {

/// Below the folder of runs.
inline constexpr const char* kCorrectionFile = ".corrections.json";

/// Which steps are alike.
struct StepKind {
  std::string job_kind, phase;
  int cores = 1;
  friend auto operator<=>(const StepKind&, const StepKind&) = default;
};

/// A factor is the median of the newest ratios: a step that something held up moves it by nothing, a machine
/// that has become slower moves it once half of them have seen it.
class Correction {
 public:
  static constexpr std::size_t kNewest = 31;  // ratios that count
  static constexpr std::size_t kFew = 3;      // below so many, what was known before counts
  static constexpr std::size_t kMostKinds = 4096;
  static constexpr double kLeast = 1e-3, kMost = 1e3;  // of a factor: beyond, nothing is known

  /// A step was said to take `predicted` seconds, uncorrected, and took `measured`. Passed over where the two
  /// make no sense.
  void step(const StepKind& kind, double predicted, double measured);
  /// By which a prediction is multiplied: this kind's, else that of its phase on another number of cores (the
  /// nearest), else the median over the phases of the kind of job, else 1.
  double factor(const StepKind& kind) const;
  /// Numbers of cores on which steps of the phase were seen, ascending.
  std::vector<int> cores(const std::string& job_kind, const std::string& phase) const;
  /// Of this very kind, known before included.
  std::int64_t steps(const StepKind& kind) const;
  bool empty() const { return kinds_.empty(); }
  PeakErrors& peaks() { return peaks_; }
  const PeakErrors& peaks() const { return peaks_; }

  /// JSON. What was learned, not the single ratios.
  std::string text() const;
  /// Error bad_data for what text() does not write.
  static Result<Correction> from_text(const std::string& text, const std::string& where);

 private:
  struct Seen {
    std::deque<double> newest;  // logarithms
    double before = 0;          // what an earlier process had come to, likewise
    std::int64_t steps = 0;
    double value() const;
  };
  std::map<StepKind, Seen> kinds_;
  PeakErrors peaks_;
};

}  // namespace troupe

#pragma once
// The demand of a phase of one job: bytes as forecast, where the program can tell, and times as measured in
// the phase; before anything was measured in it, times by the device's rates, corrected by what steps were
// seen to take; without a forecast, scaled from the last phase that was measured.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "predict/correction.hpp"
#include "predict/plan.hpp"
#include "predict/roofline.hpp"

namespace troupe {

/// A phase that is asked about.
struct PhaseQuestion {
  int phase = 0;
  std::string name;
  /// Over phase 0 (Program::relative_seconds, relative_bytes).
  double relative_seconds = 1, relative_bytes = 1;
  std::optional<PhaseForecast> forecast;     // nothing: the program can't tell
  std::shared_ptr<const DeviceRates> rates;  // null: nobody measured the device
};

struct Measurement {
  int phase = 0;
  int cores = 1;
  double step_seconds = 0;    // wall, a step
  double serial_seconds = 0;  // outside shards, reduction and update, plus waiting
  Bytes peak;
  int peak_cores = 1;  // the most that were at work since the peak is counted
};

/// What was said of a phase with so many cores before it was seen.
struct Prediction {
  double step_seconds = 0;   // 0: nobody could tell
  Bytes bytes;               // without headroom; 0 likewise
  std::int64_t learned = 0;  // steps of this kind that corrected it
  double headroom = 0;       // share of the bytes that a wall has on top (predict/peak_errors.hpp)
  /// Of a step beside the job's neighbours over one alone (predict/neighbours.hpp); 0: alone, not known.
  double slowdown = 0, measured_slowdown = 0;
};

class DemandTable {
 public:
  struct Options {
    Bytes first_guess = mib(256);  // without a forecast, before anything was measured
    Bytes slack = mib(32);   // beside the headroom: libraries' fixed parts dwarf the peak of a small phase
    double headroom = 1.25;  // over measured peaks
    double deadband = 0.1;   // a step time this close to the last one changes nothing: sizes must not flap
    double lossless = 0.9;   // of the speed of so many single cores, or more: as good as fewer cores
    Bytes forecast_slack = mib(4);  // beside the headroom over forecast bytes (predict/peak_errors.hpp)
  };
  /// kind: the job's, by which corrections are told apart.
  DemandTable(std::string kind, Options options) : kind_(std::move(kind)), options_(options) {}
  DemandTable() : DemandTable({}, Options{}) {}

  const std::string& kind() const { return kind_; }
  /// What is known of `phase` from now on. The same phase may be asked about again.
  Demand demand(PhaseQuestion phase, const Correction& learned);
  /// Of a phase that was asked about. The peak of a phase never falls; its times are the latest. A
  /// measurement with no meaning (no core, negative, NaN) is passed over. What a peak came to over its
  /// forecast is what headroom others of the kind get, and this job's next demand.
  void measured(const Measurement& m, Correction& learned);
  /// Of a phase that was asked about, else null.
  const PhaseQuestion* question(int phase) const;
  Prediction predict(int phase, int cores, const Correction& learned) const;
  /// Steps of the phase, each so many seconds: corrects this job's predictions, and what others can learn
  /// from it.
  void steps(int phase, int cores, const std::vector<double>& seconds, Correction& learned);

 private:
  struct Row {
    Measurement last;
    double relative_seconds = 1, relative_bytes = 1;
  };
  double corrected(const PhaseQuestion& phase, int cores, double seconds, const Correction& learned) const;
  void set_bytes(Demand& demand, const PhaseQuestion& phase, const Correction& learned) const;
  Measurement steadied(Measurement m, const PhaseQuestion& phase) const;
  void set_times(Demand& demand, const PhaseQuestion& phase, const Correction& learned) const;
  /// The most that were seen to take no more of the cores' time than the fewest, but for a tenth; else 1.
  int lossless_cores(const PhaseQuestion& phase, const Correction& learned) const;
  const Row* nearest(int phase) const;

  std::string kind_;
  Options options_;
  std::map<int, PhaseQuestion> asked_;
  std::map<int, Row> rows_;
  Correction own_;  // by steps of this job: its networks are not those of the kind's other jobs
};

}  // namespace troupe

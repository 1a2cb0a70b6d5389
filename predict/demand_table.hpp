#pragma once
// The demand of a phase from what the job measured: in the phase itself, else scaled from the last phase
// before it. The interface behind which better prediction comes.
#include <map>
#include <string>

#include "predict/plan.hpp"

namespace troupe {

struct Measurement {
  int phase = 0;
  int cores = 1;
  double step_seconds = 0;    // wall, a step
  double serial_seconds = 0;  // outside shards, reduction and update, plus waiting
  Bytes peak;
};

class DemandSource {
 public:
  virtual ~DemandSource() = default;
  /// relative_*: of this phase over phase 0 (Program::relative_seconds, relative_bytes).
  virtual Demand demand(int phase, const std::string& phase_name, double relative_seconds,
                        double relative_bytes) const = 0;
  /// The peak of a phase never falls; its times are the latest. A measurement with no meaning (no core,
  /// negative, NaN) is passed over.
  virtual void measured(const Measurement& m, double relative_seconds, double relative_bytes) = 0;
};

class DemandTable final : public DemandSource {
 public:
  struct Options {
    Bytes first_guess = mib(256);  // before anything was measured
    Bytes slack = mib(32);   // beside the headroom: libraries' fixed parts dwarf the peak of a small phase
    double headroom = 1.25;  // over measured peaks
    double deadband = 0.1;   // a step time this close to the last one changes nothing: sizes must not flap
  };
  explicit DemandTable(Options options);
  DemandTable() : DemandTable(Options{}) {}
  Demand demand(int phase, const std::string& phase_name, double relative_seconds,
                double relative_bytes) const override;
  void measured(const Measurement& m, double relative_seconds, double relative_bytes) override;

 private:
  struct Row {
    Measurement last;
    double relative_seconds = 1, relative_bytes = 1;
  };
  Options options_;
  std::map<int, Row> rows_;
};

}  // namespace troupe

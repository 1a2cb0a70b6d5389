#pragma once
// Who runs beside whom on one device, what that was said to cost and what it costs. Pure: fed with steps as
// jobs tell of them.
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "predict/interference.hpp"

namespace troupe {

/// Steps that a job has done.
struct Sighting {
  std::string job;
  Neighbour who;
  StepProfile profile;
  std::set<std::string> nodes;  // on which
  double at = 0;                // seconds, when the last of them ended
  std::vector<double> seconds;  // of each
};

/// A step beside others over one alone.
struct Crowding {
  double forecast = 0;       // corrected by what was known before these steps; 0: it runs alone
  double measured = 0;       // 0: nobody knows what it takes alone, in this phase on as many cores
  std::int64_t learned = 0;  // measurements of this very pair before; 0 beside several
};

class Neighbours {
 public:
  /// Beside several jobs what each of them costs is added up. Beside a single one, `known` learns.
  Crowding seen(const Sighting& steps, const DeviceRates& rates, Interference& known);

 private:
  struct Last {
    Sighting steps;
    double step_seconds = 0;
    std::deque<double> alone;  // step times of the newest looks while it was alone
  };
  std::vector<const Last*> beside(const Sighting& steps) const;
  std::map<std::string, Last> jobs_;
};

}  // namespace troupe

#pragma once
// The bench predict-memory, of networks other than the GAN: forecasts, steps that are run, and what peers
// foretell.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/bench.hpp"

namespace troupe::bench {

struct ModuleSample {
  std::string name;
  double told = 0, headroom = 0, taken = 0;  // bytes
  double milliseconds = 0;                   // of a forecast, when its operators are measured
  double first_milliseconds = 0;             // of the first one, which measures
  std::map<std::string, double> peers;       // bytes; negative where a peer failed
};

/// U-Nets, users' modules and TorchScript files whose steps hold up to some 1 GB. `folder` is for the files;
/// `packages` is where Python packages from PyPI lie ("": only those of the environment).
std::vector<ModuleSample> sample_modules(const Report& report, const std::string& folder,
                                         const std::string& packages);

/// Of each peer median, 95th percentile and worst error, and the share told too little: against the same
/// network's step run in Python, which takes somewhat less or more than in C++.
void report_peers(Report& report, const std::vector<ModuleSample>& samples);

}  // namespace troupe::bench

#pragma once
// Devices and jobs for the tests of this folder, by the few numbers that matter.
#include <numeric>
#include <string>
#include <vector>

#include "predict/ledger.hpp"

namespace troupe::testing {

inline DeviceView device(const std::string& node, int cores, Bytes memory = gib(8)) {
  DeviceView view{node, std::vector<int>(static_cast<std::size_t>(cores)), memory};
  std::iota(view.cores.begin(), view.cores.end(), 0);
  return view;
}

struct JobSketch {
  int priority = 0;
  std::int64_t order = 0;
  int min = 1, max = 1, slices = 1;
  Bytes bytes = mib(100);
  double parallel_seconds = 0;  // of a step; the target is 50 ms
};

inline JobView job(const std::string& name, const JobSketch& sketch = {}) {
  JobView view;
  view.name = name;
  view.priority = sketch.priority;
  view.order = sketch.order;
  view.min_cores = sketch.min;
  view.max_cores = sketch.max;
  view.slices = sketch.slices;
  view.demand = {"phase", sketch.bytes, 0, sketch.parallel_seconds, true};
  return view;
}

inline int cores_of(const std::vector<Grant>& grants) {
  std::size_t n = 0;
  for (const auto& grant : grants) n += grant.cores.size();
  return static_cast<int>(n);
}

inline Bytes bytes_of(const std::vector<Grant>& grants) {
  Bytes sum;
  for (const auto& grant : grants) sum += grant.memory;
  return sum;
}

}  // namespace troupe::testing

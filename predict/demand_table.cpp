#include "predict/demand_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace troupe {
namespace {

double ratio(double to, double from) { return to > 0 && from > 0 ? to / from : 1; }

Bytes scaled(Bytes bytes, double factor) {
  const double value = static_cast<double>(bytes.count) * factor;
  return {value < 9e18 ? static_cast<std::int64_t>(std::ceil(value))
                       : std::numeric_limits<std::int64_t>::max()};
}

double parallel_seconds(const Measurement& m) {
  return std::max(0.0, m.step_seconds - m.serial_seconds) * m.cores;
}

/// Both parts of a step moved by no more than `share` of the step on one core.
bool same_times(const Measurement& a, const Measurement& b, double share) {
  const double pa = parallel_seconds(a), pb = parallel_seconds(b);
  const double limit = share * std::max(pa + a.serial_seconds, pb + b.serial_seconds);
  return std::abs(pa - pb) <= limit && std::abs(a.serial_seconds - b.serial_seconds) <= limit;
}

}  // namespace

DemandTable::DemandTable(Options options) : options_(options) {}

Demand DemandTable::demand(int phase, const std::string& phase_name, double relative_seconds,
                           double relative_bytes) const {
  Demand demand{phase_name, scaled(options_.first_guess, ratio(relative_bytes, 1)), 0, 0, false};
  if (rows_.empty()) return demand;
  auto it = rows_.upper_bound(phase);
  if (it != rows_.begin()) --it;  // the phase itself, the last before it, else the first after it
  const auto& row = it->second;
  demand.measured = it->first == phase;
  const double seconds = demand.measured ? 1 : ratio(relative_seconds, row.relative_seconds);
  const double bytes = demand.measured ? 1 : ratio(relative_bytes, row.relative_bytes);
  demand.bytes = scaled(row.last.peak, bytes * options_.headroom) + options_.slack;
  demand.serial_seconds = row.last.serial_seconds;
  demand.parallel_seconds = parallel_seconds(row.last) * seconds;
  return demand;
}

void DemandTable::measured(const Measurement& m, double relative_seconds, double relative_bytes) {
  const bool sane = m.cores >= 1 && std::isfinite(m.step_seconds) && m.step_seconds >= 0 &&
                    std::isfinite(m.serial_seconds) && m.serial_seconds >= 0 && m.peak.count >= 0;
  if (!sane) return;
  const auto [it, is_new] = rows_.try_emplace(m.phase);
  Row& row = it->second;
  row.relative_seconds = relative_seconds;
  row.relative_bytes = relative_bytes;
  const Bytes peak = std::max(row.last.peak, m.peak);
  if (is_new || !same_times(row.last, m, options_.deadband)) row.last = m;
  row.last.peak = peak;
}

}  // namespace troupe

#include "predict/demand_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

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

Bytes forecast_for(const PhaseForecast& forecast, int cores) {
  return Demand{.phase = {}, .bytes = forecast.bytes, .bytes_per_core = forecast.bytes_a_worker}.bytes_for(
      cores);
}

}  // namespace

/// The phase itself, the last before it that was measured, else the first after it.
const DemandTable::Row* DemandTable::nearest(int phase) const {
  if (rows_.empty()) return nullptr;
  auto it = rows_.upper_bound(phase);
  if (it != rows_.begin()) --it;
  return &it->second;
}

double DemandTable::corrected(const PhaseQuestion& phase, int cores, double seconds,
                              const Correction& learned) const {
  const StepKind kind{kind_, phase.name, cores};
  // its own steps first; then this phase's of other jobs, whose networks may be others; then its own other
  // ones
  const bool mine = own_.steps(kind) > 0 || (learned.steps(kind) == 0 && !own_.empty());
  return seconds * (mine ? own_ : learned).factor(kind);
}

void DemandTable::set_bytes(Demand& demand, const PhaseQuestion& phase, const Correction& learned) const {
  if (phase.forecast) {
    demand.bytes = phase.forecast->bytes + options_.forecast_slack;
    demand.bytes_per_core = phase.forecast->bytes_a_worker;
    demand.headroom = learned.peaks().headroom(kind_, phase.name);
    return;
  }
  const Row* row = nearest(phase.phase);
  if (!row) {
    demand.bytes = scaled(options_.first_guess, ratio(phase.relative_bytes, 1));
    return;
  }
  const double bytes = row->last.phase == phase.phase ? 1 : ratio(phase.relative_bytes, row->relative_bytes);
  demand.bytes = scaled(row->last.peak, bytes * options_.headroom) + options_.slack;
}

/// By steps that were seen, this job's or others' of its kind: a forecast knows of no core that waits for
/// another.
int DemandTable::lossless_cores(const PhaseQuestion& phase, const Correction& learned) const {
  if (!phase.forecast || !phase.rates) return 1;
  const auto mine = own_.cores(kind_, phase.name), others = learned.cores(kind_, phase.name);
  std::set<int> seen(mine.begin(), mine.end());
  seen.insert(others.begin(), others.end());
  if (seen.size() < 2) return 1;
  const auto core_seconds = [&](int cores) {
    return cores * corrected(phase, cores, step_seconds(*phase.forecast, *phase.rates, cores), learned);
  };
  const double fewest = core_seconds(*seen.begin());
  const auto most = std::find_if(seen.rbegin(), seen.rend(), [&](int cores) {
    return options_.lossless * core_seconds(cores) <= fewest;
  });
  return most == seen.rend() ? 1 : *most;
}

void DemandTable::set_times(Demand& demand, const PhaseQuestion& phase, const Correction& learned) const {
  const Row* row = nearest(phase.phase);
  demand.measured = row && row->last.phase == phase.phase;
  if (!demand.measured && phase.forecast && phase.rates) {
    const StepTime time = step_time(*phase.forecast, *phase.rates);
    demand.serial_seconds = corrected(phase, 1, time.serial_seconds, learned);
    demand.parallel_seconds = corrected(phase, 1, time.parallel_seconds, learned);
    return;
  }
  if (!row) return;
  const double seconds = demand.measured ? 1 : ratio(phase.relative_seconds, row->relative_seconds);
  demand.serial_seconds = row->last.serial_seconds;
  demand.parallel_seconds = parallel_seconds(row->last) * seconds;
}

/// What was measured is a mean, which one disturbance moves; of enough steps the median is known too.
Measurement DemandTable::steadied(Measurement m, const PhaseQuestion& phase) const {
  const StepKind kind{kind_, phase.name, m.cores};
  if (!phase.forecast || !phase.rates || own_.steps(kind) < static_cast<std::int64_t>(Correction::kNewest))
    return m;
  const double factor =
      ratio(own_.factor(kind) * step_seconds(*phase.forecast, *phase.rates, m.cores), m.step_seconds);
  m.step_seconds *= factor;
  m.serial_seconds *= factor;
  return m;
}

Demand DemandTable::demand(PhaseQuestion phase, const Correction& learned) {
  Demand demand;
  demand.phase = phase.name;
  set_bytes(demand, phase, learned);
  set_times(demand, phase, learned);
  demand.lossless_cores = lossless_cores(phase, learned);
  asked_[phase.phase] = std::move(phase);
  return demand;
}

const PhaseQuestion* DemandTable::question(int phase) const {
  const auto asked = asked_.find(phase);
  return asked == asked_.end() ? nullptr : &asked->second;
}

Prediction DemandTable::predict(int phase, int cores, const Correction& learned) const {
  const auto asked = asked_.find(phase);
  if (asked == asked_.end() || !asked->second.forecast) return {};
  const PhaseQuestion& q = asked->second;
  Prediction told{0, forecast_for(*q.forecast, cores), own_.steps({kind_, q.name, cores}),
                  learned.peaks().headroom(kind_, q.name)};
  if (q.rates) told.step_seconds = corrected(q, cores, step_seconds(*q.forecast, *q.rates, cores), learned);
  return told;
}

void DemandTable::steps(int phase, int cores, const std::vector<double>& seconds, Correction& learned) {
  const auto asked = asked_.find(phase);
  if (asked == asked_.end() || !asked->second.forecast || !asked->second.rates) return;
  const PhaseQuestion& q = asked->second;
  const StepKind kind{kind_, q.name, cores};
  const double predicted = step_seconds(*q.forecast, *q.rates, cores);
  for (const double took : seconds) {
    own_.step(kind, predicted, took);
    learned.step(kind, predicted, took);
  }
}

void DemandTable::measured(const Measurement& m, Correction& learned) {
  const auto asked = asked_.find(m.phase);
  const bool sane = m.cores >= 1 && std::isfinite(m.step_seconds) && m.step_seconds >= 0 &&
                    std::isfinite(m.serial_seconds) && m.serial_seconds >= 0 && m.peak.count >= 0;
  if (!sane || asked == asked_.end()) return;
  const PhaseQuestion& q = asked->second;
  if (q.forecast && q.forecast->bytes > Bytes{})
    learned.peaks().seen(kind_, q.name, static_cast<double>(forecast_for(*q.forecast, m.peak_cores).count),
                         static_cast<double>(m.peak.count));
  const auto [it, is_new] = rows_.try_emplace(m.phase);
  Row& row = it->second;
  row.relative_seconds = q.relative_seconds;
  row.relative_bytes = q.relative_bytes;
  const Bytes peak = std::max(row.last.peak, m.peak);
  const Measurement steady = steadied(m, q);
  if (is_new || !same_times(row.last, steady, options_.deadband)) row.last = steady;
  row.last.peak = peak;
}

}  // namespace troupe

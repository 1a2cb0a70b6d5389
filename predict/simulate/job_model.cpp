#include "predict/simulate/job_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/random.hpp"

namespace troupe::simulate {
namespace {

constexpr std::array<double, 3> kGrowth{0.6, 1.0, 1.4};
constexpr double kHeadroom = 1.1;
constexpr int kGrain = 50;  // thousandths

double measured_use(int gpus) {
  if (gpus >= 16) return 0.4039;
  if (gpus >= 8) return 0.5899;
  return gpus >= 4 ? 0.4518 : 0.5238;
}

/// Inverse of a triangular distribution on (0, 1) with the given mean: its mode is 3 mean - 1.
double triangular(double mean, double u) {
  const double mode = std::clamp(3 * mean - 1, 0.0, 1.0);
  return u < mode ? std::sqrt(u * mode) : 1 - std::sqrt((1 - u) * (1 - mode));
}

int share(double use) {
  const int grains = static_cast<int>(std::ceil(use * kHeadroom * 1000 / kGrain));
  return std::clamp(grains * kGrain, kGrain, 1000);
}

}  // namespace

double SimJob::seconds() const {
  double sum = 0;
  for (const JobPhase& phase : phases) sum += phase.seconds;
  return sum;
}

std::vector<SimJob> model_jobs(const std::vector<traces::TraceJob>& trace, std::int64_t seed) {
  std::vector<SimJob> jobs;
  jobs.reserve(trace.size());
  for (const auto& from : trace) {
    Draw draw(seed, static_cast<std::int64_t>(jobs.size()), 0, Purpose::sample);
    const double use = triangular(measured_use(from.gpus), static_cast<double>(draw.uniform()));
    SimJob job{from.submitted, from.gpus, {}, from.cluster};
    for (const double growth : kGrowth)
      job.phases.push_back({from.duration / static_cast<double>(kGrowth.size()), share(use * growth)});
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace troupe::simulate

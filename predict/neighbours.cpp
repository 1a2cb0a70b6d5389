#include "predict/neighbours.hpp"

#include <algorithm>

#include "predict/median.hpp"

namespace troupe {
namespace {

/// A job that tells of no steps for so long, and for as many of its steps, does not run any more.
constexpr double kSilentSeconds = 2, kSilentSteps = 3;
constexpr std::size_t kNewest = 31, kEnough = 3;

bool meet(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& node) { return b.contains(node); });
}

bool same(const Neighbour& a, const Neighbour& b) {
  return a.kind == b.kind && a.phase == b.phase && a.cores == b.cores;
}

}  // namespace

std::vector<const Neighbours::Last*> Neighbours::beside(const Sighting& steps) const {
  std::vector<const Last*> all;
  for (const auto& [job, last] : jobs_) {
    const double silent = std::max(kSilentSeconds, kSilentSteps * last.step_seconds);
    if (job != steps.job && last.steps.at + silent >= steps.at && meet(last.steps.nodes, steps.nodes))
      all.push_back(&last);
  }
  return all;
}

Crowding Neighbours::seen(const Sighting& steps, const DeviceRates& rates, Interference& known) {
  if (steps.seconds.empty()) return {};
  // whoever is silent for long is gone: names of jobs come and go
  std::erase_if(jobs_, [&](const auto& one) {
    return one.second.steps.at + 100 * std::max(kSilentSeconds, one.second.step_seconds) < steps.at;
  });
  Last& me = jobs_[steps.job];
  if (!same(me.steps.who, steps.who)) me.alone.clear();
  me.steps = steps;
  me.step_seconds = median(steps.seconds);
  const auto others = beside(steps);
  if (others.empty()) {
    me.alone.push_back(me.step_seconds);
    if (me.alone.size() > kNewest) me.alone.pop_front();
    return {};
  }
  Crowding crowding{.forecast = 1};
  double uncorrected = 0;
  for (const Last* other : others) {
    uncorrected = slowdown(steps.profile, other->steps.profile, rates);
    crowding.forecast += known.corrected(steps.who, other->steps.who, uncorrected) - 1;
  }
  if (me.alone.size() >= kEnough)
    crowding.measured = me.step_seconds / median({me.alone.begin(), me.alone.end()});
  if (others.size() > 1) return crowding;
  const Neighbour& other = others.front()->steps.who;
  crowding.learned = known.measured(steps.who, other);
  if (crowding.measured > 0) known.learn(steps.who, other, uncorrected, crowding.measured);
  return crowding;
}

}  // namespace troupe

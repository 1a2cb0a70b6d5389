#include "predict/turns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace troupe::planning {
namespace {

constexpr double kRounding = 1e-9;  // of levels, in cores

int least_cores(const JobView& job) { return job.pinned_cores.value_or(std::max(1, job.min_cores)); }

struct Keyed {
  Turn turn;
  double deadline = 0;
  double tag = 0;  // what its user's earlier jobs of the priority take at least, over the user's weight
};

bool submitted_before(const JobView& a, const JobView& b) {
  return std::tie(a.order, a.name) < std::tie(b.order, b.name);
}

/// The most urgent first; of equally urgent ones in the order of submission.
bool before(const Keyed& a, const Keyed& b) {
  if (a.turn.first != b.turn.first) return a.turn.first;
  if (a.turn.first) return submitted_before(*a.turn.job, *b.turn.job);
  if (a.turn.job->priority != b.turn.job->priority) return a.turn.job->priority > b.turn.job->priority;
  if (a.deadline != b.deadline) return a.deadline < b.deadline;
  if (a.tag != b.tag) return a.tag < b.tag;
  return submitted_before(*a.turn.job, *b.turn.job);
}

void mark_first(std::vector<Keyed>& keyed, int cores) {
  std::vector<Keyed*> due;
  for (auto& one : keyed)
    if (one.turn.job->due) due.push_back(&one);
  std::sort(due.begin(), due.end(),
            [](const Keyed* a, const Keyed* b) { return submitted_before(*a->turn.job, *b->turn.job); });
  int taken = 0;
  for (auto* one : due) {
    const int least = least_cores(*one->turn.job);
    if (taken > 0 && taken + least > kForDue * cores) break;
    one->turn.first = true;
    taken += least;
  }
}

/// Start tags of fair queueing: users take turns in proportion to their weights.
void tag(std::vector<Keyed>& keyed, const std::vector<double>& weights) {
  std::vector<double> served(weights.size());
  const Keyed* last = nullptr;
  for (auto& one : keyed) {
    if (last && (last->turn.first || last->turn.job->priority != one.turn.job->priority))
      std::fill(served.begin(), served.end(), 0.0);
    last = &one;
    auto& mine = served[static_cast<std::size_t>(one.turn.user)];
    one.tag = mine / weights[static_cast<std::size_t>(one.turn.user)];
    mine += least_cores(*one.turn.job);
  }
}

}  // namespace

Turns turns_of(const std::vector<const JobView*>& jobs, const PlanRules& rules, int cores) {
  Turns turns;
  std::unordered_map<std::string_view, int> users;
  std::vector<Keyed> keyed;
  keyed.reserve(jobs.size());
  bool any_due = false;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto* job = jobs[i];
    const auto [user, fresh] = users.try_emplace(job->user, static_cast<int>(users.size()));
    if (fresh) {
      const auto weight = rules.weights.find(job->user);
      turns.weights.push_back(weight == rules.weights.end() ? 1 : weight->second);
    }
    any_due = any_due || job->due;
    keyed.push_back(
        {{job, i, user->second}, job->deadline.value_or(std::numeric_limits<double>::infinity())});
  }
  if (any_due) mark_first(keyed, cores);
  std::sort(keyed.begin(), keyed.end(), before);
  if (users.size() > 1) {
    tag(keyed, turns.weights);
    std::sort(keyed.begin(), keyed.end(), before);
  }
  turns.jobs.reserve(keyed.size());
  for (const auto& one : keyed) turns.jobs.push_back(one.turn);
  return turns;
}

std::vector<int> fair_shares(const std::vector<Claim>& claims, int free) {
  std::vector<int> shares(claims.size());
  std::int64_t asked = 0;
  double low = 0, high = 0;
  for (const auto& claim : claims) {
    asked += claim.more;
    high = std::max(high, (claim.base + claim.more) / claim.weight);
  }
  if (asked <= free) {
    for (std::size_t i = 0; i < claims.size(); ++i) shares[i] = claims[i].more;
    return shares;
  }
  const auto at = [&](std::size_t i, double level) {
    return static_cast<int>(std::clamp(std::floor(level * claims[i].weight + kRounding) - claims[i].base, 0.0,
                                       static_cast<double>(claims[i].more)));
  };
  const auto sum = [&](double level) {
    std::int64_t all = 0;
    for (std::size_t i = 0; i < claims.size(); ++i) all += at(i, level);
    return all;
  };
  for (int halvings = 0; halvings < 60; ++halvings) {  // past the precision of any count of cores
    const double middle = (low + high) / 2;
    (sum(middle) <= free ? low : high) = middle;
  }
  std::int64_t left = free;
  for (std::size_t i = 0; i < claims.size(); ++i) left -= shares[i] = at(i, low);
  for (const bool next_in_level : {true, false})
    for (std::size_t i = 0; i < claims.size() && left > 0; ++i) {
      const int most = next_in_level ? at(i, high) : claims[i].more;
      const int extra = static_cast<int>(std::min<std::int64_t>(left, std::max(0, most - shares[i])));
      shares[i] += extra;
      left -= extra;
    }
  return shares;
}

}  // namespace troupe::planning

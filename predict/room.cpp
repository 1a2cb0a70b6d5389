// Filling holes: where a job finds cores enough and no device with enough beside them, jobs of one device go
// to others, each at its next edge, so that it can start there.
#include <algorithm>

#include "predict/placing.hpp"

namespace troupe::planning {
namespace {

constexpr int kMostRooms = 16;         // jobs of a plan for which room is looked for
constexpr std::size_t kMostTries = 8;  // devices that are tried in earnest, those with the fewest moves first
constexpr std::size_t kMostMoves = 4;  // for one job that starts

}  // namespace

/// A device that has room for all of a job but this one, the tightest; -1: none.
int Placing::elsewhere(const Work& work, int device) const {
  return pool_.tightest(work, work.cores, work.taken(), device);
}

Placing::Residents Placing::residents() const {
  Residents all(static_cast<std::size_t>(pool_.devices()));
  for (Work* work : turns_.known())
    if (work->cores > 0 && work->take.size() == 1)
      all[static_cast<std::size_t>(work->take[0].device)].push_back(work);
  return all;
}

/// Who would have to leave the device; none: nobody helps, or too many.
std::vector<Work*> Placing::way_into(const Work& work, int device,
                                     const std::vector<Work*>& there_now) const {
  std::vector<Work*> there;
  for (Work* other : there_now)
    if (elsewhere(*other, device) >= 0) there.push_back(other);
  // the fewest moves: those with the most bytes first, since bytes are what is short
  std::stable_sort(there.begin(), there.end(),
                   [](const Work* a, const Work* b) { return a->taken() > b->taken(); });
  const Bytes held = share_of(work.held, on_device(work.kept_on, device), total(work.kept_on));
  const Bytes need = work.need_for(work.min);
  int cores = pool_.free_on(device);
  Bytes memory = pool_.memory_on(device) + held;
  std::vector<Work*> leaving;
  for (auto* other : there) {
    if (cores >= work.min && memory >= need) break;
    if (leaving.size() == kMostMoves) return {};
    leaving.push_back(other);
    cores += other->take[0].cores;
    memory += other->taken();
  }
  if (cores < work.min || memory < need) return {};
  return leaving;
}

bool Placing::go(Work& work, int device, const std::vector<Work*>& leaving) {
  std::vector<Work*> gone;
  for (auto* other : leaving) {
    const int to = elsewhere(*other, device);
    if (to < 0 || !pool_.move(*other, {{to, other->cores}})) break;
    gone.push_back(other);
  }
  if (gone.size() == leaving.size() && pool_.place(work)) return true;
  for (auto other = gone.rbegin(); other != gone.rend(); ++other)
    pool_.move(**other, {{device, (*other)->cores}});
  return false;
}

bool Placing::make_room(Work& work) {
  if (work.lacks != Work::Short::device || rooms_tried_ == kMostRooms) return false;
  ++rooms_tried_;
  const auto there = residents();
  std::vector<std::pair<int, std::vector<Work*>>> ways;
  for (int device = 0; device < pool_.devices(); ++device)
    if (work.may_use(device))
      if (auto leaving = way_into(work, device, there[static_cast<std::size_t>(device)]); !leaving.empty())
        ways.emplace_back(device, std::move(leaving));
  std::stable_sort(ways.begin(), ways.end(),
                   [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (ways.size() > kMostTries) ways.resize(kMostTries);
  for (const auto& [device, leaving] : ways) {
    work.lacks = Work::Short::nothing;
    if (go(work, device, leaving)) return true;
  }
  work.lacks = Work::Short::device;
  return false;
}

}  // namespace troupe::planning

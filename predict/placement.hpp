#pragma once
// Where cores and bytes are left while a plan is being made. Counts only; which core is which comes after
// (deal.hpp).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "predict/pack/stranding.hpp"
#include "predict/plan.hpp"
#include "predict/ranking.hpp"
#include "predict/spread.hpp"

namespace troupe::planning {

/// A job in the planner. What each plan reads of every job comes first, in one line of the cache: most jobs
/// of a long queue are looked at and passed over.
struct alignas(64) Work {
  enum class Short : std::uint8_t {
    nothing,
    cores,
    memory,
    device,
    ever,
    quota_cores,   // of its user
    quota_memory,  // the same
    turn           // of a job that is due
  };
  int min = 1, wanted = 1, max = 1;
  int user = 0;       // Turns' number of it
  int own_cores = 0;  // total of `own`
  int cores = 0;      // total of `take`
  int cores_missing = 0;
  Short lacks = Short::nothing;
  bool runs : 1 = false;      // it has something now
  bool first : 1 = false;     // before all priorities (turns.hpp)
  bool capped : 1 = false;    // its demand is more than there is
  bool queued : 1 = false;    // inside of Turns
  Bytes need, need_per_core;  // with one core; more for each further one
  Bytes held;
  Bytes memory_free;  // at its turn

  double deadline = 0;     // of its turn
  double left = 0;         // seconds until its end, where the shortest comes first; else 0
  std::size_t place = 0;   // in the line, as far as that is known (turns.hpp)
  std::int64_t round = 0;  // of placing, that what it lacks is of
  JobView job;
  std::vector<Grant> before;  // what it has
  /// Where a round of the plan has moved it, if one has.
  std::optional<std::vector<Grant>> moved_to;
  std::vector<int> now_on;                 // the device of each of now(); -1: it is gone
  Spread own;                              // cores it has now
  Spread kept_on;                          // where `held` lies while it is not placed
  Spread take;                             // placed so far
  std::vector<int> barred;                 // devices that can't run it
  std::optional<bool> own_stays;           // deal.hpp: whether `own`, taken again, leaves now() as it is
  bool moving = false;                     // the same: in this round
  const std::string* waits_for = nullptr;  // Short::turn: whose
  /// What Needs counts it with.
  int counted_cores = 0;
  std::int64_t counted_bytes = 0;

  const std::vector<Grant>& now() const { return moved_to ? *moved_to : before; }
  Bytes need_for(int n) const { return std::max(bytes_with(need, need_per_core, n), held); }
  Bytes taken() const { return need_for(cores); }  // once it is placed
  void put(const Spread& next) {
    take = next;
    cores = total(next);
  }
  bool may_use(int device) const { return std::find(barred.begin(), barred.end(), device) == barred.end(); }
};

class Pool {
 public:
  explicit Pool(const std::vector<DeviceView>& devices);

  /// Before anything is placed: what the job has is not idle, and what it holds is not free; -1: no longer.
  void stand(const Work& work, int sign);
  /// What jobs need beside cores, by which devices are rated where several would do.
  void expect(const pack::Beside& beside) { beside_ = beside; }

  /// The whole minimum on top of nothing, or nothing; says in `work` what was lacking.
  bool place(Work& work);
  /// All that it has been given goes there instead; false: it does not fit there, and nothing has changed.
  bool move(Work& work, const Spread& next);
  /// Up to `cores` in all. `elsewhere`: also onto devices that it is not on.
  void grow(Work& work, int cores, bool elsewhere);
  /// Of the devices with so many cores free and such bytes, that with the fewest cores, but this one; -1:
  /// none.
  int tightest(const Work& work, int cores, Bytes bytes, int but) const;

  /// So many cores and bytes are not taken there.
  int free_on(int device) const { return places_[static_cast<std::size_t>(device)].free; }
  Bytes memory_on(int device) const { return places_[static_cast<std::size_t>(device)].memory; }
  int devices() const { return static_cast<int>(places_.size()); }
  int cores() const { return cores_; }
  int cores_free() const { return cores_free_; }
  Bytes memory() const { return memory_; }
  Bytes memory_free() const { return memory_free_; }

 private:
  struct Place {
    int free = 0;  // not taken in this plan
    int idle = 0;  // of these, such as nobody has now
    int busy = 0;  // cores that somebody has now
    Bytes memory;  // not taken in this plan, nor held by jobs not yet placed
  };
  Place& at(int device) { return places_[static_cast<std::size_t>(device)]; }
  const Place& at(int device) const { return places_[static_cast<std::size_t>(device)]; }
  bool fits(const Work& work, const Spread& next) const;
  int most_that_fit(const Work& work, int device, int limit) const;
  bool accept(Work& work, const Spread& next);
  bool try_own(Work& work);
  bool try_one(Work& work, bool idle_only);
  bool try_many(Work& work);
  double strands(const Work& work, int device) const;
  int cores_that_fit(const Work& work, int device) const;
  void grow_on(Work& work, int device, int limit, int cores);
  void grow_elsewhere(Work& work, int cores, bool idle_only);
  void charge(const Spread& spread, Bytes bytes, int sign);
  void set(int device, int free, int idle);

  std::vector<Place> places_;
  Ranking by_free_, by_idle_;
  pack::Beside beside_;  // bytes a core
  int cores_ = 0, cores_free_ = 0;
  Bytes memory_, memory_free_;
};

}  // namespace troupe::planning

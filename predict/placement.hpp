#pragma once
// Where cores and bytes are left while a plan is being made. Counts only; which core is which comes after
// (deal.hpp).
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "predict/pack/stranding.hpp"
#include "predict/plan.hpp"
#include "predict/ranking.hpp"
#include "predict/spread.hpp"

namespace troupe::planning {

/// A job while it is being placed.
struct Work {
  const JobView* job = nullptr;
  int user = 0;
  bool first = false;                       // before all priorities (turns.hpp)
  const std::vector<Grant>* now = nullptr;  // null: it does not run
  std::vector<int> now_on;                  // the device of each of these; -1: it is gone
  int min = 1, wanted = 1, max = 1;
  Bytes need, need_per_core;  // with one core; more for each further one
  bool capped = false;        // its demand is more than there is
  Spread own;                 // cores it has now
  Spread kept_on;             // where `held` lies while it is not placed
  Spread take;                // placed so far
  std::vector<int> barred;    // devices that can't run it
  Bytes need_for(int cores) const;
  Bytes taken() const { return need_for(total(take)); }  // once it is placed
  bool may_use(int device) const { return std::find(barred.begin(), barred.end(), device) == barred.end(); }
  enum class Short {
    nothing,
    cores,
    memory,
    device,
    ever,
    quota_cores,   // of its user
    quota_memory,  // the same
    turn           // of a job that is due
  } lacks = Short::nothing;
  int cores_missing = 0;
  Bytes memory_free;                   // at its turn
  const JobView* waits_for = nullptr;  // Short::turn: whose
};

class Pool {
 public:
  Pool(const std::vector<DeviceView>& devices, const std::vector<Work>& works);

  /// The whole minimum on top of nothing, or nothing; says in `work` what was lacking.
  bool place(Work& work);
  /// What jobs need beside cores, by which devices are rated where several would do.
  void expect(const std::vector<Work>& works);
  /// All that it has been given goes there instead; false: it does not fit there, and nothing has changed.
  bool move(Work& work, const Spread& next);
  /// So many cores and bytes are not taken there.
  int free_on(int device) const { return places_[static_cast<std::size_t>(device)].free; }
  Bytes memory_on(int device) const { return places_[static_cast<std::size_t>(device)].memory; }
  int devices() const { return static_cast<int>(places_.size()); }
  /// Up to `cores` in all. `elsewhere`: also onto devices that it is not on.
  void grow(Work& work, int cores, bool elsewhere);

  int cores() const { return cores_; }
  int cores_free() const { return cores_free_; }
  Bytes memory() const { return memory_; }
  Bytes memory_free() const { return memory_free_; }

 private:
  struct Place {
    int free = 0;  // not taken in this plan
    int idle = 0;  // of these, such as nobody has now
    Bytes memory;  // not taken in this plan, nor held by jobs not yet placed
  };
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

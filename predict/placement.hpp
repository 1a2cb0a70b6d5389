#pragma once
// Where cores and bytes are left while a plan is being made. Counts only; which core is which comes after
// (deal.hpp).
#include <algorithm>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "predict/plan.hpp"

namespace troupe::planning {

/// So many cores on one device.
struct Share {
  int device = 0;
  int cores = 0;
  friend bool operator==(const Share&, const Share&) = default;
};
using Spread = std::vector<Share>;  // each device at most once

int total(const Spread& spread);
int on_device(const Spread& spread, int device);
Spread plus(Spread spread, int device, int cores);
/// What `part` cores of `whole` carry of `bytes`, rounded down: never falls when `bytes` grows.
Bytes share_of(Bytes bytes, int part, int whole);

/// A job while it is being placed.
struct Work {
  const JobView* job = nullptr;
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
  bool may_use(int device) const { return std::find(barred.begin(), barred.end(), device) == barred.end(); }
  enum class Short { nothing, cores, memory, device, ever } lacks = Short::nothing;
  int cores_missing = 0;
  Bytes memory_free;  // at its turn
};

class Pool {
 public:
  Pool(const std::vector<DeviceView>& devices, std::vector<Work>& works);

  /// The whole minimum on top of nothing, or nothing; says in `work` what was lacking.
  bool place(Work& work);
  /// Up to `cores` in all. `elsewhere`: also onto devices that it is not on.
  void grow(Work& work, int cores, bool elsewhere);

  int cores() const { return cores_; }
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
  int cores_that_fit(const Work& work, int device) const;
  void grow_on(Work& work, int device, int limit, int cores);
  void grow_elsewhere(Work& work, int cores, bool idle_only);
  void charge(const Spread& spread, Bytes bytes, int sign);
  void set(int device, int free, int idle);

  std::vector<Place> places_;
  // (cores, device). Thousands of entries that all go with the pool: none is freed by itself.
  std::pmr::monotonic_buffer_resource entries_;
  std::pmr::set<std::pair<int, int>> by_free_{&entries_}, by_idle_{&entries_};
  int cores_ = 0, cores_free_ = 0;
  Bytes memory_, memory_free_;
};

}  // namespace troupe::planning

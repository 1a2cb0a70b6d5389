#pragma once
// All jobs of a plan placed once, in their order, within the shares and quotas of their users.
#include <map>
#include <set>
#include <span>
#include <vector>

#include "predict/placement.hpp"
#include "predict/turns.hpp"

namespace troupe::planning {

/// What a job asks for in bytes, as long as it is not more than there is.
void ask(Work& work);

/// A prediction may overshoot: it is tried with all there is, or all that its user may have, rather than
/// refused. A user's wall is meant as it stands.
class Needs {
 public:
  /// The job is new, or asks for something else.
  void put(Work& work);
  void remove(Work& work) { count(work, 0, {}); }
  /// Sets what each may have, on what nobody holds.
  void set(std::map<std::string, Work>& works, const Pool& pool, const PlanRules& rules);
  /// What jobs need beside a core, on average and around it.
  pack::Beside beside() const;

 private:
  void count(Work& work, int cores, Bytes need);

  Bytes most_;  // none asks for more
  bool capped_ = false;
  // whole numbers: the same in whatever order they come and go
  std::int64_t cores_ = 0;
  __extension__ __int128 sum_ = 0, squares_ = 0;
};

/// All given outlives it. `round`: another one each time.
class Placing {
 public:
  Placing(Turns& turns, Pool& pool, const PlanRules& rules, std::int64_t round);
  /// Gives out what there is. Once no core is left, the rest of the line is not looked at; all that have been
  /// given something stand before reached().
  void run();
  std::size_t reached() const { return reached_; }
  /// What a work lacks that run() passed over. Nothing may have changed since.
  void tell(Work& work);

 private:
  using Goal = int Work::*;
  bool place(Work& work);
  // room.cpp
  using Residents = std::vector<std::vector<Work*>>;  // of each device, such as are on no other, in line
  bool make_room(Work& work);
  Residents residents() const;
  std::vector<Work*> way_into(const Work& work, int device, const std::vector<Work*>& there) const;
  bool go(Work& work, int device, const std::vector<Work*>& leaving);
  int elsewhere(const Work& work, int device) const;

  bool full() const { return pool_.cores_free() == 0; }
  int room(const Work& work, int more) const;
  int grow(Work& work, int more, bool elsewhere);
  void share_out_rank();
  void share_out_rest();
  std::vector<int> shares_of(const std::vector<std::int64_t>& more, const std::vector<int>& taken,
                             int free) const;
  void meet(Work& work);
  bool hopeless() const;
  void place_late(Work& work);
  void place_within_share(Work& work);
  void place_passed_over(std::size_t last);
  void grow_within_shares(std::size_t first, std::size_t last, Goal goal, bool elsewhere);
  void grow_all(std::size_t first, std::size_t last, Goal goal, bool elsewhere);

  Turns& turns_;
  Pool& pool_;
  const PlanRules& rules_;
  std::int64_t round_;
  std::vector<int> cores_;     // of each user, in this plan
  std::vector<Bytes> memory_;  // the same
  std::vector<int> shares_;    // of each user, not yet taken
  std::vector<bool> served_;   // users with a job that was placed out of these
  std::vector<int> least_;     // of each user's jobs in the rank, the least cores
  int open_ = 0;               // users of the rank of whom a job may still have a share
  const Work* waiting_first_ = nullptr;
  int rooms_tried_ = 0;               // jobs for which room was looked for
  std::size_t rank_ = 0;              // that is being placed
  std::size_t first_ = 0, next_ = 0;  // of the rank: its begin; who comes next
  std::size_t reached_ = 0;
  bool first_told_ = false;
  // of the rank, when nobody could be given anything within the shares any more
  std::vector<int> shares_then_;
  int free_then_ = 0;
};

/// Where every job may stay exactly where it is, with as many cores as the plan gives it, it does. `works`:
/// with all that run or are given something among them; `holding`: all that hold bytes.
void stay_where_possible(std::span<Work* const> works, const std::set<Work*>& holding,
                         const std::vector<DeviceView>& devices);

}  // namespace troupe::planning

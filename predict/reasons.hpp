#pragma once
// Why a job waits, has what it has, or wants more: in words for people.
#include <string>
#include <unordered_map>
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// "1 core", "2 cores", or as the rules call them.
std::string cores_text(int n, const PlanRules& rules);

/// What of the rules goes into words.
struct Told {
  const Work& work;
  const std::vector<const Work*>& holders;  // the jobs before it that hold the most cores
  const Pool& pool;
  const PlanRules& rules;
};
std::string reason(const Told& told);

/// The same, remembered: words are most of what a plan would cost, and few change from plan to plan.
class Reasons {
 public:
  const std::string& of(const Told& told);
  void forget(const std::string& job) { remembered_.erase(job); }

 private:
  struct Holder {
    std::string name;
    int priority = 0, cores = 0;
    friend bool operator==(const Holder&, const Holder&) = default;
  };
  /// All that the words of a job depend on, but its name, its barred nodes and the rules.
  struct Facts {
    Work::Short lacks = Work::Short::nothing;
    int cores = 0, cores_missing = 0, min = 0, wanted = 0, cores_there = 0;
    bool capped = false, pinned = false;
    Bytes need, need_per_core;
    bool measured = false;
    double headroom = 0;
    Bytes predicted, memory_free, memory_there;
    double serial_seconds = 0, parallel_seconds = 0, target = 0;
    bool shortest_first = false;
    int lossless = 0;
    friend bool operator==(const Facts&, const Facts&) = default;
  };
  struct Entry {
    Facts facts;
    bool rare = false;  // its words depend on more
    std::vector<Holder> holders;
    std::string text;
  };
  static Facts facts_of(const Told& told);
  std::unordered_map<std::string, Entry> remembered_;
};

}  // namespace troupe::planning

#pragma once
// One simulation while it runs. Inside of simulator.cpp and parking.cpp.
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <vector>

#include "predict/pack/packer.hpp"
#include "predict/simulate/simulator.hpp"

namespace troupe::simulate {

class Run {
 public:
  static constexpr int kRanks = 4;     // levels 0 … 3, by what was attained
  static constexpr int kOverdue = -1;  // the level of who runs because it has waited for long

  Run(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines, const Rule& rule,
      std::int64_t seed);
  Simulation finish();

 private:
  enum class What { arrival, phase_end, tick };
  struct Event {
    double at = 0;
    What what = What::arrival;
    int job = 0;
    std::int64_t version = 0;  // of the job; older ones are void
    bool operator>(const Event& other) const {
      return std::tie(at, what, job, version) > std::tie(other.at, other.what, other.job, other.version);
    }
  };
  struct Live {
    std::size_t phase = 0;
    double left = 0;      // seconds of the phase, as it runs here
    double attained = 0;  // GPU-seconds
    double since = 0;     // running or waiting since
    std::int64_t version = 0;
    bool running = false;
    bool overdue = false;    // runs because it has waited for long
    double due = 0;          // waits: when it will have waited for long
    std::vector<int> parts;  // the packer's numbers
  };
  using Turn = std::tuple<double, double, int>;  // order, submission, job
  using Kind = std::pair<int, int>;              // GPUs, share: where one can't start, none of its kind can

  const pack::Task task(int job, int gpus) const;
  std::vector<int> parts_of(int job) const;
  int milli(int job) const;
  double rate(int job) const {
    return static_cast<double>(jobs_[static_cast<std::size_t>(job)].gpus) * milli(job) / 1000;
  }
  int level(int job) const;
  Turn turn(int job) const;

  void handle(const Event& event);
  void wait(int job);
  void schedule(bool with_parking = false);
  bool try_start(int job);
  void start(int job);
  void stop(int job);  // frees what it has and books its time
  void phase_ends(int job);
  void start_overdue(bool with_parking);
  Kind kind(int job) const { return {jobs_[static_cast<std::size_t>(job)].gpus, milli(job)}; }
  void queue(int job);
  void unqueue(int job);

  // parking.cpp
  bool make_way(int job, int own);
  void count_held();
  std::optional<std::vector<int>> who_leaves(int node, const pack::Task& part, int level) const;
  void park(int job);

  const std::vector<SimJob>& jobs_;
  Rule rule_;
  std::unique_ptr<pack::Policy> policy_;
  pack::Packer packer_;
  int largest_ = 1;            // GPUs of one machine
  double now_ = 0, busy_ = 0;  // busy_: GPUs in use
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Live> live_;
  std::map<Kind, std::set<Turn>> waiting_;    // none is empty
  std::map<int, Turn> turns_;                 // of those that wait
  std::set<Turn> line_;                       // the same, all in one
  std::set<std::pair<double, int>> due_;      // those that wait, by when they will have waited for long
  std::set<std::pair<double, int>> overdue_;  // those that have, by submission
  double overdue_gpus_ = 0;                   // that such jobs run on
  std::vector<std::vector<int>> running_on_;  // by node: jobs, one entry a part
  std::vector<std::array<int, kRanks + 1>> held_above_;  // by node: thousandths of GPUs of jobs over a level
  double held_at_ = -1;                                  // when that was counted
  bool ticking_ = false;
  Simulation result_;
};

}  // namespace troupe::simulate

#pragma once
// A conductor that computes nothing: takes every assignment at once, and says when.
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "actors/protocol.hpp"

namespace troupe::bench {

/// What the jobs of a bench heard from the supervisor. Any thread.
class Hearing {
 public:
  void assigned(const std::string& job);
  void waits(const std::string& job);
  void lost(const std::string& node);

  /// Seconds (now()) when the job first heard what it has; 0 after `limit` seconds.
  double first_word(const std::string& job, double limit);
  /// When so many jobs had heard that the node is lost; 0 after `limit` seconds.
  double loss_heard(const std::string& node, int jobs, double limit);
  double last_word() const;
  long words() const;
  void forget();

 private:
  void word(const std::string& job);
  template <class Ready>
  double wait(double limit, Ready ready);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, double> first_;
  struct Loss {
    int jobs = 0;
    double last = 0;
  };
  std::map<std::string, Loss> losses_;
  double last_ = 0;
  long words_ = 0;
};

/// Of 24 shards, with as much to do as its number says; wants 2 to 24 cores.
Demand demand_number(int number);
constexpr int kQuickShards = 24;

struct QuickJobState {
  std::string job;
  supervisor_actor supervisor;
  std::shared_ptr<Hearing> hearing;
  const char* name = "quick_job";
};
/// Ends, with its share, when it is told to stop.
job_actor::behavior_type quick_job(job_actor::stateful_pointer<QuickJobState> self, std::string job,
                                   int number, supervisor_actor supervisor, std::shared_ptr<Hearing> hearing);

}  // namespace troupe::bench

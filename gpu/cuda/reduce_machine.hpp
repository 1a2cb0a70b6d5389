#pragma once
// What the all-reduce actor of a device does next: forming a communicator, watching sums, giving a broken one
// up, going on without a lost rank, forming anew when one joins. Pure: events and the time go in, actions
// come out; nccl_rank.hpp does them.
//
//   none ──rebuild──> forming ──ready──> ready <──> working (sums in flight)
//                        │                 │            │ a rank is lost: shrinking ──ready──> ready
//                        └── an error, or nothing within its time: the communicator is aborted, sums fail,
//                        the head is
//                            asked for another group ──> none
// A communicator is given back exactly once: aborted, or, where the abort itself hangs, abandoned. The next
// one is formed only when that is over: two on one device at once may wait for each other for ever.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "gpu/cuda/nccl.hpp"

namespace troupe::cuda {

struct ReduceLimits {  // seconds
  double init = 60;    // every rank loads NCCL and connects
  double sum = 30;
  double shrink = 20;
  double abort = 10;
  bool can_shrink = true;  // NCCL 2.27 and later
};

struct Group {
  std::int64_t epoch = 0;  // each group of a job has another, rising; who says so is the head
  int ranks = 1, rank = 0;
  NcclId id;
};

namespace reduce {
// Events. `comm`: the machine's number of a communicator, so that news of an old one are told apart.
struct Rebuild {  // the head: this is the group from now on
  Group group;
};
struct Lost {  // the head: these ranks of `epoch` are gone; those that are left are `next_epoch`
  std::int64_t epoch = 0, next_epoch = 0;
  std::vector<int> ranks;
};
struct Start {  // the job: a sum
  std::int64_t sum = 0;
};
struct Finished {  // the device: it is done
  std::int64_t sum = 0;
};
struct IsReady {
  int comm = 0;
};
struct Failed {  // NCCL: the communicator has an error, or a call about it did not go
  int comm = 0;
  Error error;
};
struct Aborted {
  int comm = 0;
};
struct Tick {};  // time goes on
struct Stop {};
using Event = std::variant<Rebuild, Lost, Start, Finished, IsReady, Failed, Aborted, Tick, Stop>;

// Actions, to be done in their order.
struct Init {
  int comm = 0;
  Group group;
};
struct Shrink {
  int parent = 0, comm = 0;
  std::vector<int> without;
};
struct Launch {
  int comm = 0;
  std::int64_t sum = 0;
};
struct Abort {  // may hang: not on the actor's thread. Aborted or Failed tells the end
  int comm = 0;
};
struct Abandon {  // never touch it again
  int comm = 0;
};
struct Report {
  std::int64_t sum = 0;
  std::optional<Error> error;
};
struct Formed {
  std::int64_t epoch = 0;
  int ranks = 0, rank = 0;
};
struct AskRebuild {  // of the head
  std::int64_t epoch = 0;
  Error reason;
};
using Action = std::variant<Init, Shrink, Launch, Abort, Abandon, Report, Formed, AskRebuild>;
}  // namespace reduce

class ReduceMachine {
 public:
  enum class State { none, forming, ready, working, shrinking, stopped };

  explicit ReduceMachine(ReduceLimits limits) : limits_(limits) {}
  /// `now`: seconds on a clock that never goes back.
  std::vector<reduce::Action> step(const reduce::Event& event, double now);
  State state() const noexcept { return state_; }
  std::int64_t epoch() const noexcept { return group_.epoch; }
  /// When a Tick is wanted at the latest; empty: nothing is waited for.
  std::optional<double> deadline() const noexcept;

 private:
  void on(const reduce::Rebuild& e);
  void on(const reduce::Lost& e);
  void on(const reduce::Start& e);
  void on(const reduce::Finished& e);
  void on(const reduce::IsReady& e);
  void on(const reduce::Failed& e);
  void on(const reduce::Aborted& e);
  void on(const reduce::Tick& e);
  void on(const reduce::Stop& e);
  void fail_sums(const Error& error);
  void give_up(Error error);
  void retire(int& comm);
  void form_pending();
  Error error(ErrorCode code, std::string what) const;

  ReduceLimits limits_;
  State state_ = State::none;
  Group group_;
  std::optional<Group> pending_;
  std::int64_t shrunk_epoch_ = 0;
  int comm_ = 0, parent_ = 0, last_comm_ = 0;  // 0: none
  std::vector<int> without_;
  double until_ = 0;                     // of forming and shrinking
  std::map<std::int64_t, double> sums_;  // in flight, with their deadlines
  std::map<int, double> retiring_;       // being aborted, with their deadlines
  double now_ = 0;
  std::vector<reduce::Action> out_;
};

const char* to_string(ReduceMachine::State state) noexcept;

}  // namespace troupe::cuda

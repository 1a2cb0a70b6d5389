#pragma once
// A cluster that tasks are packed onto one after the other.
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "predict/pack/policy.hpp"

namespace troupe::pack {

struct Placement {
  int node = -1;
  GpuSet gpus;
  friend bool operator==(const Placement&, const Placement&) = default;
};

/// A task that is already placed goes elsewhere.
struct Move {
  int task = 0;  // number of its arrival
  Placement from, to;
};

/// What became of an arrival. Carried out in their order, the moves and then the placement never ask a
/// machine for more than it has.
struct Arrival {
  int number = 0;                      // counted from 0
  std::optional<Placement> placement;  // none: it fits nowhere
  std::vector<Move> moves;             // before the placement; empty where none were needed
};

/// Ratings are kept per node and shape of task, and made again only where the node has changed. Same
/// machines, policy, seed and arrivals: same placements.
class Packer {
 public:
  /// `machines` and `policy` outlive it. `most_moves`: for one arrival; 0: placed tasks stay where they are.
  Packer(const std::vector<Machine>& machines, Policy& policy, std::int64_t seed, int most_moves = 0);

  Arrival arrive(const Task& task);
  /// Whether it would be placed without a move. Cheap where it was asked before and room has only shrunk.
  bool has_room(const Task& task);
  void leave(int task);  // by number of its arrival; it must be placed

  const std::vector<Node>& nodes() const { return nodes_; }
  std::int64_t gpu_capacity() const { return gpu_capacity_; }    // thousandths
  std::int64_t gpu_allocated() const { return gpu_allocated_; }  // thousandths
  std::int64_t moves() const { return moves_; }
  const std::optional<Placement>& placement(int task) const {
    return placed_[static_cast<std::size_t>(task)].at;
  }
  const Task& task(int number) const {
    return shapes_[static_cast<std::size_t>(placed_[static_cast<std::size_t>(number)].shape)].task;
  }

 private:
  struct Rating {
    std::int64_t version = -1;  // of the node
    bool fits = false;
    Offer offer;
  };
  struct Shape {
    Task task;
    std::vector<Rating> ratings;           // by node
    std::int64_t no_room_at = -1;          // loosened_ when it fitted nowhere
    std::int64_t no_way_at = -1;           // loosened_ when moves could not make room for it
    std::int64_t elsewhere_at = -1;        // changes_ when `elsewhere` was looked up
    std::array<int, 2> elsewhere{-1, -1};  // the two best nodes, -1: none
  };
  struct Placed {
    int shape = 0;
    std::optional<Placement> at;
  };
  /// Tasks that leave a node so that another one fits there.
  struct Way {
    int node = -1;
    std::vector<int> leaving;
    double score = 0;  // of the whole exchange, by the policy
  };

  int shape_of(const Task& task);
  const Rating& rating(int shape, int node);
  std::optional<Placement> best(int shape, int except = -1);
  void make_room(int number, Arrival& arrival);
  std::optional<Way> way_into(int shape, int node);
  int elsewhere(int shape, int node);
  std::optional<int> next_to_leave(const Node& node, const std::vector<int>& tasks, const Task& wanted);
  bool go(int number, const Way& way, Arrival& arrival);
  void settle(int task, const Placement& at);
  void unsettle(int task);

  const std::vector<Machine>& machines_;
  Policy& policy_;
  int most_moves_;
  std::vector<Node> nodes_;
  std::vector<int> order_;  // of nodes rated the same: the first gets the task
  std::vector<std::int64_t> versions_;
  std::vector<std::vector<int>> tasks_on_;  // by node
  std::map<Task, int> shape_index_;
  std::vector<Shape> shapes_;
  std::vector<Placed> placed_;  // by arrival
  std::int64_t gpu_capacity_ = 0, gpu_allocated_ = 0, moves_ = 0;
  std::int64_t changes_ = 0;   // of any node
  std::int64_t loosened_ = 0;  // how often something left or moved: in between, room only shrinks
};

}  // namespace troupe::pack

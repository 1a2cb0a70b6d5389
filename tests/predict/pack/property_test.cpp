// What holds for every policy, on random clusters and arrivals.
#include <gtest/gtest.h>

#include "predict/pack/packer.hpp"
#include "tests/predict/pack/clusters.hpp"

namespace troupe::pack {
namespace {

/// A cluster kept by the test alone, which complains of whatever a machine does not have.
class Shadow {
 public:
  explicit Shadow(const std::vector<Machine>& machines) {
    for (const Machine& machine : machines)
      rooms_.push_back({machine.cpu_milli, machine.memory_mib, std::vector<int>(machine.gpus, kWholeGpu)});
    machines_ = &machines;
  }
  void put(const Task& task, const Placement& at) { change(task, at, -1); }
  void take(const Task& task, const Placement& at) { change(task, at, +1); }
  std::int64_t gpu_left() const {
    std::int64_t sum = 0;
    for (const Room& room : rooms_)
      for (const int left : room.gpu) sum += left;
    return sum;
  }

 private:
  struct Room {
    std::int64_t cpu, memory;
    std::vector<int> gpu;
  };
  void change(const Task& task, const Placement& at, int sign) {
    ASSERT_GE(at.node, 0);
    ASSERT_LT(at.node, static_cast<int>(rooms_.size()));
    Room& room = rooms_[static_cast<std::size_t>(at.node)];
    const Machine& machine = (*machines_)[static_cast<std::size_t>(at.node)];
    if (!task.models.empty()) {
      EXPECT_EQ(std::count(task.models.begin(), task.models.end(), machine.model), 1);
    }
    ASSERT_EQ(static_cast<int>(at.gpus.count()), task.gpus);
    room.cpu += sign * task.cpu_milli;
    room.memory += sign * task.memory_mib;
    EXPECT_GE(room.cpu, 0);
    EXPECT_GE(room.memory, 0);
    EXPECT_LE(room.cpu, machine.cpu_milli);
    for (std::size_t g = 0; g < kMostGpus; ++g) {
      if (!at.gpus[g]) continue;
      ASSERT_LT(g, room.gpu.size());
      room.gpu[g] += sign * task.gpu_milli;
      EXPECT_GE(room.gpu[g], 0);
      EXPECT_LE(room.gpu[g], kWholeGpu);
    }
  }
  std::vector<Room> rooms_;
  const std::vector<Machine>* machines_;
};

struct Case {
  std::string policy;
  int moves;
};

class EveryPolicy : public ::testing::TestWithParam<Case> {};

std::unique_ptr<Policy> policy(const std::string& name, const std::vector<Machine>& machines,
                               const std::vector<Task>& tasks) {
  auto made = make_policy(name, {typical_tasks(tasks), machines, 7});
  EXPECT_TRUE(made);
  return std::move(*made);
}

TEST_P(EveryPolicy, NeverGivesMoreThanThereIsAndRefusesOnlyWhatFitsNowhere) {
  for (int round = 0; round < 25; ++round) {
    Draw draw(round, 0, 0, Purpose::test);
    const auto machines = test::random_machines(draw, 12);
    const auto tasks = test::random_tasks(draw, 150);
    const auto rule = policy(GetParam().policy, machines, tasks);
    Packer packer(machines, *rule, round, GetParam().moves);
    Shadow shadow(machines);
    std::vector<int> placed;
    for (int number = 0; number < static_cast<int>(tasks.size()); ++number) {
      const Task& task = tasks[static_cast<std::size_t>(number)];
      if (!placed.empty() && draw.below(5) == 0) {
        const auto which = draw.below(placed.size());
        const int gone = placed[which];
        shadow.take(tasks[static_cast<std::size_t>(gone)], *packer.placement(gone));
        packer.leave(gone);
        placed.erase(placed.begin() + static_cast<std::ptrdiff_t>(which));
      }
      const bool room = std::any_of(packer.nodes().begin(), packer.nodes().end(),
                                    [&](const Node& node) { return fits(node, task); });
      const Arrival arrival = packer.arrive(task);
      if (room) {
        EXPECT_TRUE(arrival.placement);
        EXPECT_TRUE(arrival.moves.empty());
      }
      EXPECT_LE(static_cast<int>(arrival.moves.size()), GetParam().moves);
      for (const Move& move : arrival.moves) {  // one after the other: capacity holds after each
        const Task& moved = tasks[static_cast<std::size_t>(move.task)];
        shadow.take(moved, move.from);
        shadow.put(moved, move.to);
        EXPECT_NE(move.from.node, move.to.node);
      }
      if (!arrival.placement) {
        EXPECT_TRUE(arrival.moves.empty());
        continue;
      }
      shadow.put(task, *arrival.placement);
      EXPECT_EQ(packer.placement(number), arrival.placement);
      placed.push_back(number);
      ASSERT_EQ(shadow.gpu_left(), packer.gpu_capacity() - packer.gpu_allocated());
      if (HasFailure()) return;
    }
  }
}

TEST_P(EveryPolicy, PlacesTheSameTasksTheSameWay) {
  Draw draw(99, 0, 0, Purpose::test);
  const auto machines = test::random_machines(draw, 12);
  const auto tasks = test::random_tasks(draw, 200);
  std::vector<std::optional<Placement>> before;
  for (int run = 0; run < 2; ++run) {
    const auto rule = policy(GetParam().policy, machines, tasks);
    Packer packer(machines, *rule, 5, GetParam().moves);
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const auto placement = packer.arrive(tasks[i]).placement;
      if (run == 0)
        before.push_back(placement);
      else
        EXPECT_EQ(placement, before[i]) << i;
    }
  }
}

TEST_P(EveryPolicy, ReadsNoMoreOutOfKeptRatingsThanOutOfNewOnes) {
  Draw draw(3, 0, 0, Purpose::test);
  const auto machines = test::random_machines(draw, 12);
  const auto tasks = test::random_tasks(draw, 120);
  const auto rule = policy(GetParam().policy, machines, tasks);
  Packer packer(machines, *rule, 5, 0);
  const auto twin = policy(GetParam().policy, machines, tasks);
  for (const Task& task : tasks) {
    const auto nodes = packer.nodes();
    twin->learn(task);
    double best = -1e300, taken = -1e300;
    const auto placement = packer.arrive(task).placement;
    for (const Node& node : nodes)
      if (fits(node, task)) {
        const double score = twin->rate(node, task).score;
        best = std::max(best, score);
        if (placement && placement->node == node.index) taken = score;
      }
    EXPECT_EQ(best, taken);
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryPolicy,
                         ::testing::Values(Case{"random", 0}, Case{"dot_product", 0}, Case{"clustering", 0},
                                           Case{"packing", 0}, Case{"best_fit", 0}, Case{"best_fit", 4},
                                           Case{"gradient_descent", 0}, Case{"gradient_descent", 2},
                                           Case{"ours", 0}, Case{"ours", 1}, Case{"ours", 4}),
                         [](const auto& test) {
                           return test.param.policy + std::to_string(test.param.moves);
                         });

}  // namespace
}  // namespace troupe::pack

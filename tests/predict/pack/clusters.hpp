#pragma once
// Random clusters and tasks, small enough that every case of packing comes up.
#include <algorithm>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "predict/pack/task.hpp"

namespace troupe::pack::test {

inline int pick(Draw& draw, std::initializer_list<int> from) {
  return *(from.begin() + static_cast<std::ptrdiff_t>(draw.below(from.size())));
}

inline std::vector<Machine> random_machines(Draw& draw, int most) {
  std::vector<Machine> machines;
  const auto count = 1 + draw.below(static_cast<std::uint64_t>(most));
  for (std::uint64_t i = 0; i < count; ++i)
    machines.push_back({std::string("m").append(std::to_string(i)), pick(draw, {8000, 16000, 96000}),
                        pick(draw, {32768, 131072, 393216}), pick(draw, {0, 1, 2, 4, 8, kMostGpus}),
                        draw.below(2) == 0 ? "A" : "B"});
  return machines;
}

inline Task random_task(Draw& draw) {
  Task task{pick(draw, {0, 500, 4000, 11300, 32000}),
            pick(draw, {0, 4096, 30517, 98304}),
            pick(draw, {0, 1, 1, 1, 2, 4, 8}),
            0,
            {}};
  if (task.gpus > 0) task.gpu_milli = pick(draw, {1000, 1000, 1000, 810, 470, 320, 50});
  if (draw.below(4) == 0) task.models = {draw.below(2) == 0 ? "A" : "B"};
  return task;
}

inline std::vector<Task> random_tasks(Draw& draw, int count) {
  std::vector<Task> tasks;
  for (int i = 0; i < count; ++i) tasks.push_back(random_task(draw));
  return tasks;
}

}  // namespace troupe::pack::test

#pragma once
// What the processes of a group say of the sums of one call, compared.
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "transport/node_group_hub.hpp"

namespace troupe::group {

/// One sum as this process makes it: the members of all its ranks.
template <class T>
struct Job {
  int members = 0, first = 0;
  std::vector<const T*> buffers;
  T* out = nullptr;
  std::size_t n = 0;
  T scale = 1;
  std::function<void(std::size_t, std::size_t)> ready = {};  // FloatSum::ready, of a process with one rank
};

template <class T>
std::vector<SumShape> shapes_of(const std::vector<Job<T>>& jobs, bool all) {
  std::vector<SumShape> shapes;
  for (const auto& job : jobs) {
    SumShape shape{.n = job.n, .members = job.members, .first = job.first, .all = all};
    shape.count = static_cast<std::int32_t>(job.buffers.size());
    std::memcpy(&shape.scale, &job.scale, sizeof job.scale);
    shapes.push_back(shape);
  }
  return shapes;
}

/// Why another process's sums are not the sums made here; empty: they are, but for whose members they are.
std::string difference(const Hub& hub, const std::vector<SumShape>& mine, int process,
                       const std::vector<SumShape>& theirs);
/// `said`: each process's sums. Why the members of sum i, one process's behind another's, are not all; empty:
/// they are.
std::string gap(const Hub& hub, const std::vector<std::vector<SumShape>>& said, std::size_t i);
/// Why a process that speaks of another group or shape does; both digests differ.
std::string other_group(const Hub& hub, int process);

}  // namespace troupe::group

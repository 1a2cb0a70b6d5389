#pragma once
// The exact collective among ranks of several processes, over the data plane. Ranks of one process share its
// memory; each process holds a full copy of what is summed into.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "gpu/collective.hpp"
#include "gpu/process_sum.hpp"
#include "transport/data_plane.hpp"

namespace troupe {

/// A peer of the data plane, or this process itself.
struct GroupProcess {
  std::string name;
  int ranks = 1;
};

/// All but `self` and `cpus` is the same in every process.
struct NodeGroupOptions {
  std::vector<GroupProcess> processes;  // in rank order
  std::string self;                     // this process's name among them
  /// Of the group's channel to every other process; no two groups that live at the same time share one.
  std::uint32_t channel = 0;
  double timeout_seconds = 30;  // for a rank that never comes
  /// What a sum is cut into, 4 KiB … 16 MiB. A message holds as many chunks as a process's members make
  /// partial sums: 1 where runs of members are aligned, at most 2 log2(members); it must stay below 7/8 of
  /// the data plane's window.
  Bytes chunk = kib(512);
  /// Up to this size, and always between two processes, everyone sends its partial sums to everyone; past
  /// it each process sums a part and sends that on.
  Bytes small = kib(64);
  /// The processes' sums of float, each the exact sum of its members, are added up by what `make_fast` makes,
  /// in that one's order: the same bits on every rank, but others than the tree's. All else stays exact, and
  /// so do sums of less than `fast_from` together: they are done sooner that way, a ring has more hops.
  bool fast = false;
  /// A process of one rank sends what is there of its sums while the rest is being made (FloatSum::ready).
  bool overlap = true;
  Bytes fast_from = mib(1);
  /// Of this process's ranks; with `fast`, for the library's threads: they would else crowd on the one cpu of
  /// the worker that leads.
  std::vector<int> cpus;
};

/// The ends of this process's ranks, in rank order. Returns without waiting for the others. `plane` outlives
/// them. With one process it is make_in_process. The sums of a process are made by the rank that leads()
/// there, on its workers: its part(n) is all n, that of the others nothing. The last end to go waits until
/// what was sent can leave, at most timeout_seconds. Errors: bad_usage (options), bad_config
/// (`fast` where there is no `make_fast`), and those
/// of DataPlane::open.
Result<std::vector<std::shared_ptr<Collective>>> make_node_group(DataPlane& plane,
                                                                 const NodeGroupOptions& options,
                                                                 const MakeProcessSum& make_fast = {});

}  // namespace troupe

#pragma once
// From counts to cores: which core goes to whom, and how a job's cores are dealt over its slices.
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// What became of one work: nothing, or these grants.
struct Dealt {
  bool stays = false;  // it keeps just what it has now, or goes on waiting; grants is left empty
  std::vector<Grant> grants;
};

/// For every work, in its order. A job keeps as many of its cores as it may, slice by slice; what it gets on
/// top comes from idle cores first.
std::vector<Dealt> deal(const std::vector<DeviceView>& devices, const std::vector<Work>& works);

/// Slices of a job on each device of `spread`: at least one each, `slices` in all where there are cores
/// enough, the next one always to where a slice has the most cores.
std::vector<int> parts_of(const Spread& spread, int slices);

/// `cores` as evenly as possible over `parts`, the larger ones first.
std::vector<int> even(int cores, int parts);

}  // namespace troupe::planning

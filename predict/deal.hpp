#pragma once
// From counts to cores: which core goes to whom, and how a job's cores are dealt over its slices.
#include <span>
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// A job that shall have these grants, which it does not have now.
struct Dealt {
  Work* work = nullptr;
  std::vector<Grant> grants;
};

/// The first works of a line, with all that run or are given something among them: those of them that do not
/// stay as they are, in order. A job keeps as many of its cores as it may, slice by slice; what it gets on
/// top comes from idle cores first.
std::vector<Dealt> deal(const std::vector<DeviceView>& devices, std::span<Work* const> works);

/// Slices of a job on each device of `spread`: at least one each, `slices` in all where there are cores
/// enough, the next one always to where a slice has the most cores.
std::vector<int> parts_of(const Spread& spread, int slices);

/// `cores` as evenly as possible over `parts`, the larger ones first.
std::vector<int> even(int cores, int parts);

}  // namespace troupe::planning

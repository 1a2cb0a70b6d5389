#include "predict/deal.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace troupe::planning {
namespace {

/// One slice-to-be: how many cores it shall have, which it has.
struct Part {
  std::size_t work = 0;
  int device = 0;
  std::size_t size = 0;
  std::vector<int> cores;
};

/// The parts of one job on one device, with what it keeps of its cores there.
void keep(const Work& work, std::size_t index, const DeviceView& device, const Share& share, int parts,
          std::vector<Part>& out) {
  std::vector<const Grant*> before;
  if (work.now)
    for (const auto& grant : *work.now)
      if (grant.node == device.node) before.push_back(&grant);
  const std::size_t first = out.size();
  std::vector<int> spare;  // of its own cores, such as their old slice has no room for
  for (const int size : even(share.cores, parts)) {
    Part part{index, share.device, static_cast<std::size_t>(size), {}};
    if (const std::size_t p = out.size() - first; p < before.size())
      for (const int core : before[p]->cores)
        (part.cores.size() < part.size ? part.cores : spare).push_back(core);
    out.push_back(std::move(part));
  }
  for (std::size_t p = static_cast<std::size_t>(parts); p < before.size(); ++p)
    spare.insert(spare.end(), before[p]->cores.begin(), before[p]->cores.end());
  auto next = spare.begin();
  for (std::size_t p = first; p < out.size(); ++p)
    while (out[p].cores.size() < out[p].size && next != spare.end()) out[p].cores.push_back(*next++);
}

/// Cores of each device that nobody keeps: the idle ones first, each kind ascending, in reverse so that they
/// pop.
std::vector<std::vector<int>> left_over(const std::vector<DeviceView>& devices,
                                        const std::vector<Work>& works, const std::vector<Part>& parts) {
  std::vector<std::unordered_set<int>> kept(devices.size()), busy(devices.size());
  std::unordered_map<std::string, std::size_t> index;
  for (std::size_t d = 0; d < devices.size(); ++d) index[devices[d].node] = d;
  for (const auto& part : parts)
    kept[static_cast<std::size_t>(part.device)].insert(part.cores.begin(), part.cores.end());
  for (const auto& work : works)
    if (work.now)
      for (const auto& grant : *work.now)
        if (const auto it = index.find(grant.node); it != index.end())
          busy[it->second].insert(grant.cores.begin(), grant.cores.end());
  std::vector<std::vector<int>> out(devices.size());
  for (std::size_t d = 0; d < devices.size(); ++d) {
    for (const int core : devices[d].cores)
      if (!kept[d].contains(core)) out[d].push_back(core);
    std::sort(out[d].begin(), out[d].end(), [&](int a, int b) {
      return std::pair(busy[d].contains(a), a) > std::pair(busy[d].contains(b), b);
    });
  }
  return out;
}

}  // namespace

std::vector<int> even(int cores, int parts) {
  std::vector<int> sizes(static_cast<std::size_t>(parts), cores / parts);
  for (int p = 0; p < cores % parts; ++p) ++sizes[static_cast<std::size_t>(p)];
  return sizes;
}

std::vector<int> parts_of(const Spread& spread, int slices) {
  std::vector<int> parts(spread.size(), 1);
  const int count = std::min(slices, total(spread));
  for (int n = static_cast<int>(spread.size()); n < count; ++n) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < spread.size(); ++i)
      if (spread[i].cores * parts[best] > spread[best].cores * parts[i]) best = i;
    ++parts[best];
  }
  return parts;
}

std::vector<std::vector<Grant>> deal(const std::vector<DeviceView>& devices, const std::vector<Work>& works) {
  std::vector<Part> parts;
  for (std::size_t w = 0; w < works.size(); ++w) {
    const auto counts = parts_of(works[w].take, works[w].job->slices);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto& share = works[w].take[i];
      keep(works[w], w, devices[static_cast<std::size_t>(share.device)], share, counts[i], parts);
    }
  }
  auto left = left_over(devices, works, parts);
  std::vector<std::vector<Grant>> grants(works.size());
  for (auto& part : parts) {
    auto& pool = left[static_cast<std::size_t>(part.device)];
    while (part.cores.size() < part.size && !pool.empty()) {
      part.cores.push_back(pool.back());
      pool.pop_back();
    }
    std::sort(part.cores.begin(), part.cores.end());
    const auto& work = works[part.work];
    const Bytes memory = share_of(work.need, static_cast<int>(part.cores.size()), total(work.take));
    grants[part.work].push_back(
        {devices[static_cast<std::size_t>(part.device)].node, std::move(part.cores), memory});
  }
  return grants;
}

}  // namespace troupe::planning

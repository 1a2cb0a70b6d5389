#include "predict/deal.hpp"

#include <algorithm>
#include <utility>

namespace troupe::planning {
namespace {

/// One slice-to-be: how many cores it shall have, which it has.
struct Part {
  std::size_t of = 0;  // in what is dealt
  int device = 0;
  std::size_t size = 0;
  std::vector<int> cores;
};

/// The parts of one job on one device, with what it keeps of its cores there.
void keep(const Work& work, std::size_t of, const Share& share, int parts, std::vector<Part>& out) {
  std::vector<const Grant*> before;
  for (std::size_t i = 0; i < work.now_on.size(); ++i)
    if (work.now_on[i] == share.device) before.push_back(&work.now()[i]);
  const std::size_t first = out.size();
  std::vector<int> spare;  // of its own cores, such as their old slice has no room for
  for (const int size : even(share.cores, parts)) {
    Part part{of, share.device, static_cast<std::size_t>(size), {}};
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

/// Whether dealing would give it the very grants that it has.
bool would_stay(const Work& work) {
  const int whole = work.cores;
  const std::size_t parts =
      std::max(work.take.size(), static_cast<std::size_t>(std::min(work.job.slices, whole)));
  if (whole == 0) return work.now_on.empty();
  if (work.now_on.size() != parts) return false;
  const Bytes need = work.need_for(whole);
  std::vector<int> counts;
  if (work.take.size() > 1 && work.take.size() != parts) counts = parts_of(work.take, work.job.slices);
  std::size_t g = 0;
  for (std::size_t i = 0; i < work.take.size(); ++i) {
    const int count = !counts.empty() ? counts[i] : work.take.size() == 1 ? static_cast<int>(parts) : 1;
    for (int p = 0; p < count; ++p, ++g) {
      const int size = work.take[i].cores / count + (p < work.take[i].cores % count ? 1 : 0);
      const Grant& grant = work.now()[g];
      if (work.now_on[g] != work.take[i].device || static_cast<int>(grant.cores.size()) != size ||
          grant.memory != share_of(need, size, whole))
        return false;
    }
  }
  return true;
}

/// The same, remembered for those that take just what they have.
bool stays(Work& work) {
  if (!work.runs && work.cores == 0) return true;
  if (work.take != work.own) return would_stay(work);
  if (!work.own_stays) work.own_stays = would_stay(work);
  return *work.own_stays;
}

/// Of each device on which a part lacks cores, those that nobody keeps: the idle ones first, each kind
/// ascending, in reverse so that they pop.
std::vector<std::vector<int>> left_over(const std::vector<DeviceView>& devices, std::span<Work* const> works,
                                        const std::vector<Part>& parts) {
  std::vector<std::vector<int>> out(devices.size()), kept(devices.size()), busy(devices.size());
  std::vector<bool> asked(devices.size());
  for (const auto& part : parts)
    if (part.cores.size() < part.size) asked[static_cast<std::size_t>(part.device)] = true;
  const auto append = [&asked](std::vector<std::vector<int>>& to, int on, const std::vector<int>& cores) {
    const auto device = static_cast<std::size_t>(on);
    if (on >= 0 && asked[device]) to[device].insert(to[device].end(), cores.begin(), cores.end());
  };
  for (const auto& part : parts) append(kept, part.device, part.cores);
  for (const Work* work : works)
    for (std::size_t i = 0; work->runs && i < work->now_on.size(); ++i)
      append(work->moving ? busy : kept, work->now_on[i], work->now()[i].cores);
  for (std::size_t d = 0; d < devices.size(); ++d) {
    if (!asked[d]) continue;
    std::sort(kept[d].begin(), kept[d].end());
    std::sort(busy[d].begin(), busy[d].end());
    const auto in = [](const std::vector<int>& cores, int core) {
      return std::binary_search(cores.begin(), cores.end(), core);
    };
    std::vector<std::pair<bool, int>> left;
    for (const int core : devices[d].cores)
      if (!in(kept[d], core)) left.emplace_back(in(busy[d], core), core);
    std::sort(left.rbegin(), left.rend());
    for (const auto& [is_busy, core] : left) out[d].push_back(core);
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

std::vector<Dealt> deal(const std::vector<DeviceView>& devices, std::span<Work* const> works) {
  std::vector<Part> parts;
  std::vector<Dealt> dealt;
  for (Work* work : works) {
    work->moving = !stays(*work);
    if (!work->moving) continue;
    const auto counts = parts_of(work->take, work->job.slices);
    for (std::size_t i = 0; i < counts.size(); ++i)
      keep(*work, dealt.size(), work->take[i], counts[i], parts);
    dealt.push_back({work, {}});
  }
  if (parts.empty()) return dealt;
  auto left = left_over(devices, works, parts);
  for (auto& part : parts) {
    auto& pool = left[static_cast<std::size_t>(part.device)];
    while (part.cores.size() < part.size && !pool.empty()) {
      part.cores.push_back(pool.back());
      pool.pop_back();
    }
    std::sort(part.cores.begin(), part.cores.end());
    const Work& work = *dealt[part.of].work;
    const Bytes memory = share_of(work.taken(), static_cast<int>(part.cores.size()), work.cores);
    dealt[part.of].grants.push_back(
        {devices[static_cast<std::size_t>(part.device)].node, std::move(part.cores), memory});
  }
  return dealt;
}

}  // namespace troupe::planning

// What is free, what a job keeps from others, and the steps between where it is and where it shall be.
#include <algorithm>
#include <set>

#include "predict/ledger.hpp"
#include "predict/placement.hpp"

namespace troupe {
namespace {

using Grants = std::vector<Grant>;

int cores_in(const Grants& grants) {
  std::size_t n = 0;
  for (const auto& grant : grants) n += grant.cores.size();
  return static_cast<int>(n);
}

Bytes bytes_in(const Grants& grants) {
  Bytes sum;
  for (const auto& grant : grants) sum += grant.memory;
  return sum;
}

int least_cores(const JobView& job) { return job.pinned_cores.value_or(job.min_cores); }

/// The same cores with `bytes` spread over them in proportion.
Grants spread(Grants grants, Bytes bytes) {
  const int whole = cores_in(grants);
  for (auto& grant : grants)
    grant.memory = planning::share_of(bytes, static_cast<int>(grant.cores.size()), whole);
  return grants;
}

bool within(const std::map<int, Bytes>& a, const std::map<int, Bytes>& b) {
  return std::all_of(a.begin(), a.end(), [&](const auto& entry) {
    const auto it = b.find(entry.first);
    return entry.second <= (it == b.end() ? Bytes{} : it->second);
  });
}

}  // namespace

std::map<int, Bytes> Ledger::memory_of(const Grants& grants) const {
  std::map<int, Bytes> memory;
  for (const auto& grant : grants) memory[device_index_.at(grant.node)] += grant.memory;
  return memory;
}

std::map<int, Bytes> Ledger::parked_memory(const JobView& job) const {
  std::map<int, int> cores;
  for (const auto& grant : job.home)
    if (const auto it = device_index_.find(grant.node); it != device_index_.end())
      cores[it->second] += static_cast<int>(grant.cores.size());
  if (cores.empty() && !devices_.empty()) cores[device_index_.at(devices_.front().node)] = 1;
  int whole = 0;
  for (const auto& [device, n] : cores) whole += n;
  std::map<int, Bytes> memory;
  for (const auto& [device, n] : cores) memory[device] = planning::share_of(job.held, n, whole);
  return memory;
}

void Ledger::release(const std::string& name) {
  auto& claim = claims_[name];
  for (const auto& [device, core] : claim.cores) rooms_[static_cast<std::size_t>(device)].owner.erase(core);
  for (const auto& [device, bytes] : claim.memory) rooms_[static_cast<std::size_t>(device)].free += bytes;
  claim = {};
}

void Ledger::claim_again(const std::string& name) {
  release(name);
  auto& claim = claims_[name];
  const auto sent = pending_.find(name);
  const auto& running = force(name);
  claim.memory = running.empty() ? parked_memory(jobs_.at(name)) : memory_of(running);
  if (sent != pending_.end())
    for (const auto& [device, bytes] : memory_of(sent->second))
      claim.memory[device] = std::max(claim.memory[device], bytes);
  for (const auto& [device, bytes] : claim.memory) rooms_[static_cast<std::size_t>(device)].free -= bytes;
  const auto take = [&](const Grants& grants) {
    for (const auto& grant : grants) {
      const int device = device_index_.at(grant.node);
      for (const int core : grant.cores)
        if (rooms_[static_cast<std::size_t>(device)].owner.try_emplace(core, name).second)
          claim.cores.emplace_back(device, core);
    }
  };
  take(running);
  if (sent != pending_.end()) take(sent->second);
}

const std::string* Ledger::owner_of(const Grant& grant, int core) const {
  const auto& owner = rooms_[static_cast<std::size_t>(device_index_.at(grant.node))].owner;
  const auto it = owner.find(core);
  return it == owner.end() ? nullptr : &it->second;
}

bool Ledger::core_available(const std::string& name, const Grant& grant, int core) const {
  const auto* owner = owner_of(grant, core);
  return !owner || *owner == name;
}

bool Ledger::available(const std::string& name, const Grants& grants) const {
  for (const auto& grant : grants)
    for (const int core : grant.cores)
      if (!core_available(name, grant, core)) return false;
  const auto& mine = claims_.at(name).memory;
  for (const auto& [device, bytes] : memory_of(grants)) {
    const auto it = mine.find(device);
    const Bytes more = bytes - (it == mine.end() ? Bytes{} : it->second);
    if (more > Bytes{} && more > rooms_[static_cast<std::size_t>(device)].free) return false;
  }
  return true;
}

/// Those slices of the target that are free altogether, of the others the cores that the job has, with all of
/// the job's memory, where that is worth running on.
std::optional<Grants> Ledger::part_now(const JobView& job, const Grants& target) const {
  const auto& mine = claims_.at(job.name).cores;
  const std::set<std::pair<int, int>> own(mine.begin(), mine.end());
  Grants part;
  for (auto grant : target) {
    const auto is_free = [&](int core) { return core_available(job.name, grant, core); };
    const int device = device_index_.at(grant.node);
    if (!std::all_of(grant.cores.begin(), grant.cores.end(), is_free))
      std::erase_if(grant.cores, [&](int core) { return !own.contains({device, core}); });
    if (!grant.cores.empty()) part.push_back(std::move(grant));
  }
  const auto& running = force(job.name);
  const int cores = cores_in(part);
  if (part.empty() || cores < least_cores(job) || cores <= cores_in(running)) return std::nullopt;
  part = spread(std::move(part), bytes_in(target));
  if (!available(job.name, part)) return std::nullopt;
  return part;
}

/// A running job holds what others shall have, and can't go where it shall be: it gives that back first, and
/// is parked where what stays is not enough to run on.
std::optional<Grants> Ledger::way_out(const JobView& job, const Grants& target) const {
  const auto& running = force(job.name);
  if (running.empty()) return std::nullopt;
  std::set<std::pair<std::string, int>> wanted;
  for (const auto& grant : target)
    for (const int core : grant.cores) wanted.insert({grant.node, core});
  Grants stay;
  for (auto grant : running) {
    std::erase_if(grant.cores, [&](int core) { return !wanted.contains({grant.node, core}); });
    if (!grant.cores.empty()) stay.push_back(std::move(grant));
  }
  const auto mine = memory_of(running);
  if (cores_in(stay) == cores_in(running) && within(mine, memory_of(target))) return std::nullopt;
  stay = spread(std::move(stay), std::min(bytes_in(running), bytes_in(target)));
  if (stay == running || cores_in(stay) < least_cores(job) || !within(memory_of(stay), mine))
    return std::nullopt;
  return stay;
}

}  // namespace troupe

#include "predict/placement.hpp"

#include <algorithm>

namespace troupe::planning {

int total(const Spread& spread) {
  int sum = 0;
  for (const auto& share : spread) sum += share.cores;
  return sum;
}

int on_device(const Spread& spread, int device) {
  for (const auto& share : spread)
    if (share.device == device) return share.cores;
  return 0;
}

Spread plus(Spread spread, int device, int cores) {
  for (auto& share : spread)
    if (share.device == device) {
      share.cores += cores;
      return spread;
    }
  spread.push_back({device, cores});
  return spread;
}

Bytes share_of(Bytes bytes, int part, int whole) {
  if (whole <= 0) return {};
  return {static_cast<std::int64_t>(static_cast<__int128>(bytes.count) * part / whole)};
}

Bytes Work::need_for(int cores) const {
  const Demand demand{.phase = {}, .bytes = need, .bytes_per_core = need_per_core};
  return std::max(demand.bytes_for(cores), job->held);
}

Pool::Pool(const std::vector<DeviceView>& devices, std::vector<Work>& works) : places_(devices.size()) {
  std::vector<int> busy(devices.size(), 0);
  for (const auto& work : works)
    for (const auto& share : work.own) busy[static_cast<std::size_t>(share.device)] += share.cores;
  std::vector<std::pair<int, int>> free, idle;  // a set is made of sorted values in linear time
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const int n = static_cast<int>(devices[d].cores.size());
    places_[d] = {n, std::max(0, n - busy[d]), devices[d].memory};
    free.emplace_back(n, static_cast<int>(d));
    idle.emplace_back(places_[d].idle, static_cast<int>(d));
    cores_ += n;
    memory_ += devices[d].memory;
  }
  std::sort(free.begin(), free.end());
  std::sort(idle.begin(), idle.end());
  by_free_.insert(free.begin(), free.end());
  by_idle_.insert(idle.begin(), idle.end());
  cores_free_ = cores_;
  memory_free_ = memory_;
  for (const auto& work : works) charge(work.kept_on, work.job->held, +1);
}

void Pool::charge(const Spread& spread, Bytes bytes, int sign) {
  const int whole = total(spread);
  for (const auto& share : spread) {
    const Bytes part = share_of(bytes, share.cores, whole);
    auto& place = places_[static_cast<std::size_t>(share.device)];
    place.memory.count -= sign * part.count;
    memory_free_.count -= sign * part.count;
  }
}

void Pool::set(int device, int free, int idle) {
  auto& place = places_[static_cast<std::size_t>(device)];
  // an entry keeps its memory
  const auto move_entry = [device](auto& order, int from, int to) {
    if (from == to) return;
    auto entry = order.extract({from, device});
    entry.value().first = to;
    order.insert(std::move(entry));
  };
  idle = std::max(0, std::min(idle, free));
  move_entry(by_free_, place.free, free);
  move_entry(by_idle_, place.idle, idle);
  cores_free_ += free - place.free;
  place.free = free;
  place.idle = idle;
}

bool Pool::fits(const Work& work, const Spread& next) const {
  const bool placed = !work.take.empty();
  const Spread& old = placed ? work.take : work.kept_on;
  const int whole = total(next), old_whole = total(old);
  const Bytes old_bytes = placed ? work.need_for(old_whole) : work.job->held, need = work.need_for(whole);
  return std::all_of(next.begin(), next.end(), [&](const Share& share) {
    const auto& place = places_[static_cast<std::size_t>(share.device)];
    const int more = share.cores - on_device(work.take, share.device);
    const Bytes back = share_of(old_bytes, on_device(old, share.device), old_whole);
    return work.may_use(share.device) && more <= place.free &&
           share_of(need, share.cores, whole) <= place.memory + back;
  });
}

bool Pool::accept(Work& work, const Spread& next) {
  if (!fits(work, next)) return false;
  const bool placed = !work.take.empty();
  charge(placed ? work.take : work.kept_on, placed ? work.need_for(total(work.take)) : work.job->held, -1);
  charge(next, work.need_for(total(next)), +1);
  for (const auto& share : next) {
    const int before = on_device(work.take, share.device);
    if (share.cores == before) continue;
    const int own = on_device(work.own, share.device);
    const auto& place = places_[static_cast<std::size_t>(share.device)];
    const int of_others = std::max(0, share.cores - own) - std::max(0, before - own);
    set(share.device, place.free - (share.cores - before), place.idle - of_others);
  }
  work.take = next;
  return true;
}

bool Pool::try_own(Work& work) {
  for (const auto& share : work.own)
    if (share.cores >= work.min && accept(work, {{share.device, work.min}})) return true;
  if (total(work.own) >= work.min) {
    Spread next;
    int left = work.min;
    for (const auto& share : work.own) {
      const int n = std::min({share.cores, left, places_[static_cast<std::size_t>(share.device)].free});
      if (n > 0) next.push_back({share.device, n});
      left -= n;
    }
    if (left == 0 && accept(work, next)) return true;
  }
  for (const bool idle_only : {true, false})
    for (const auto& share : work.own) {
      const auto& place = places_[static_cast<std::size_t>(share.device)];
      if ((idle_only ? place.idle + share.cores : place.free) >= work.min &&
          accept(work, {{share.device, work.min}}))
        return true;
    }
  return false;
}

bool Pool::try_one(Work& work, bool idle_only) {
  const auto& order = idle_only ? by_idle_ : by_free_;
  for (auto it = order.lower_bound({work.min, -1}); it != order.end(); ++it) {
    const int device = it->second;
    if (accept(work, {{device, work.min}})) return true;  // ends the walk: `order` has changed
  }
  return false;
}

/// Of the job's minimum, so many as this device has the memory for.
int Pool::cores_that_fit(const Work& work, int device) const {
  if (!work.may_use(device)) return 0;
  const Bytes held = share_of(work.job->held, on_device(work.kept_on, device), total(work.kept_on));
  const Bytes room = places_[static_cast<std::size_t>(device)].memory + held;
  if (room < Bytes{}) return 0;
  const Bytes need = work.need_for(work.min);
  if (need <= room) return work.min;
  return static_cast<int>(static_cast<__int128>(room.count) * work.min / need.count);
}

bool Pool::try_many(Work& work) {
  for (const bool idle_only : {true, false}) {
    Spread next;
    int left = work.min;
    const auto& order = idle_only ? by_idle_ : by_free_;
    for (auto it = order.rbegin(); it != order.rend() && left > 0 && it->first > 0; ++it) {
      const int n = std::min({left, it->first, cores_that_fit(work, it->second)});
      if (n <= 0) continue;
      next.push_back({it->second, n});
      left -= n;
    }
    if (left == 0 && accept(work, next)) return true;
  }
  return false;
}

bool Pool::place(Work& work) {
  work.memory_free = memory_free_ + work.job->held;
  const Bytes need = work.need_for(work.min);
  if (work.min > cores_ || need > memory_) {
    work.lacks = Work::Short::ever;
  } else if (cores_free_ < work.min) {
    work.lacks = Work::Short::cores;
    work.cores_missing = work.min - cores_free_;
  } else if (need > work.memory_free) {
    work.lacks = Work::Short::memory;
  } else if (!(try_own(work) || try_one(work, true) || try_one(work, false) || try_many(work))) {
    work.lacks = Work::Short::device;
  }
  return work.lacks == Work::Short::nothing;
}

/// Of so many cores more on this device, those whose bytes it can have too.
int Pool::most_that_fit(const Work& work, int device, int limit) const {
  int fit = 0;
  for (int none = limit + 1; none - fit > 1;) {
    // all at once is the usual case
    const int n = none > limit ? limit : fit + (none - fit) / 2;
    (fits(work, plus(work.take, device, n)) ? fit : none) = n;
  }
  return fit;
}

void Pool::grow_on(Work& work, int device, int limit, int cores) {
  const int free = places_[static_cast<std::size_t>(device)].free;
  const int n = most_that_fit(work, device, std::min({limit, free, cores - total(work.take)}));
  if (n > 0) accept(work, plus(work.take, device, n));
}

void Pool::grow_elsewhere(Work& work, int cores, bool idle_only) {
  const auto& order = idle_only ? by_idle_ : by_free_;
  const int missing = cores - total(work.take);
  std::vector<int> candidates;  // the tightest device that has all, else the roomiest ones
  auto roomy = order.lower_bound({missing, -1});
  while (roomy != order.end() && !work.may_use(roomy->second)) ++roomy;
  if (roomy != order.end()) candidates.push_back(roomy->second);
  int sum = 0;
  for (auto it = order.rbegin(); it != order.rend() && sum < missing && it->first > 0; ++it) {
    if (!work.may_use(it->second)) continue;
    candidates.push_back(it->second);
    sum += it->first;
  }
  for (const int device : candidates) {
    const auto& place = places_[static_cast<std::size_t>(device)];
    grow_on(work, device, idle_only ? place.idle : place.free, cores);
  }
}

void Pool::grow(Work& work, int cores, bool elsewhere) {
  if (work.take.empty()) return;
  const auto done = [&] { return total(work.take) >= cores; };
  for (std::size_t i = 0; i < work.own.size() && !done(); ++i)
    grow_on(work, work.own[i].device, work.own[i].cores - on_device(work.take, work.own[i].device), cores);
  for (const bool idle_only : {true, false})
    for (std::size_t i = 0; i < work.take.size() && !done(); ++i) {
      const int device = work.take[i].device;
      const auto& place = places_[static_cast<std::size_t>(device)];
      grow_on(work, device, idle_only ? place.idle : place.free, cores);
    }
  for (const bool idle_only : {true, false})
    if (elsewhere && !done()) grow_elsewhere(work, cores, idle_only);
}

}  // namespace troupe::planning

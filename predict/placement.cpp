#include "predict/placement.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::planning {
namespace {
constexpr int kMostRated = 16;  // devices that would do, the tightest first
constexpr double kTie = 1e-6;   // cores
}  // namespace

Pool::Pool(const std::vector<DeviceView>& devices)
    : places_(devices.size()), by_free_(devices.size()), by_idle_(devices.size()) {
  for (std::size_t d = 0; d < devices.size(); ++d) {
    const int n = static_cast<int>(devices[d].cores.size());
    places_[d] = {n, n, 0, devices[d].memory};
    by_free_.insert(n, static_cast<int>(d));
    by_idle_.insert(n, static_cast<int>(d));
    cores_ += n;
    memory_ += devices[d].memory;
  }
  cores_free_ = cores_;
  memory_free_ = memory_;
}

void Pool::stand(const Work& work, int sign) {
  for (const auto& share : work.own) {
    auto& place = at(share.device);
    place.busy += sign * share.cores;
    set(share.device, place.free, place.free - place.busy);
  }
  charge(work.kept_on, work.held, sign);
}

void Pool::charge(const Spread& spread, Bytes bytes, int sign) {
  if (bytes == Bytes{}) return;
  const int whole = total(spread);
  for (const auto& share : spread) {
    const Bytes part = share_of(bytes, share.cores, whole);
    auto& place = at(share.device);
    place.memory.count -= sign * part.count;
    memory_free_.count -= sign * part.count;
  }
}

void Pool::set(int device, int free, int idle) {
  auto& place = at(device);
  idle = std::max(0, std::min(idle, free));
  by_free_.move(place.free, free, device);
  by_idle_.move(place.idle, idle, device);
  cores_free_ += free - place.free;
  place.free = free;
  place.idle = idle;
}

bool Pool::fits(const Work& work, const Spread& next) const {
  const bool placed = !work.take.empty();
  const Spread& old = placed ? work.take : work.kept_on;
  const int whole = total(next), old_whole = total(old);
  const Bytes old_bytes = placed ? work.need_for(old_whole) : work.held, need = work.need_for(whole);
  return std::all_of(next.begin(), next.end(), [&](const Share& share) {
    const auto& place = at(share.device);
    const int more = share.cores - on_device(work.take, share.device);
    const Bytes back = share_of(old_bytes, on_device(old, share.device), old_whole);
    return work.may_use(share.device) && more <= place.free &&
           share_of(need, share.cores, whole) <= place.memory + back;
  });
}

bool Pool::accept(Work& work, const Spread& next) {
  if (!fits(work, next)) return false;
  const bool placed = !work.take.empty();
  charge(placed ? work.take : work.kept_on, placed ? work.taken() : work.held, -1);
  charge(next, work.need_for(total(next)), +1);
  for (const auto& share : next) {
    const int before = on_device(work.take, share.device);
    if (share.cores == before) continue;
    const int own = on_device(work.own, share.device);
    const auto& place = at(share.device);
    const int of_others = std::max(0, share.cores - own) - std::max(0, before - own);
    set(share.device, place.free - (share.cores - before), place.idle - of_others);
  }
  work.put(next);
  return true;
}

bool Pool::try_own(Work& work) {
  for (const auto& share : work.own)
    if (share.cores >= work.min && accept(work, {{share.device, work.min}})) return true;
  if (work.own_cores >= work.min) {
    Spread next;
    int left = work.min;
    for (const auto& share : work.own) {
      const int n = std::min({share.cores, left, at(share.device).free});
      if (n > 0) next.push_back({share.device, n});
      left -= n;
    }
    if (left == 0 && accept(work, next)) return true;
  }
  for (const bool idle_only : {true, false})
    for (const auto& share : work.own) {
      const auto& place = at(share.device);
      if ((idle_only ? place.idle + share.cores : place.free) >= work.min &&
          accept(work, {{share.device, work.min}}))
        return true;
    }
  return false;
}

/// Of the tightest devices that will do, the one where it strands the least; of equal ones the tightest.
bool Pool::try_one(Work& work, bool idle_only) {
  const auto& order = idle_only ? by_idle_ : by_free_;
  int best = -1, rated = 0;
  double least = 0;
  order.ascend(work.min, [&](int, int device) {
    if (!fits(work, {{device, work.min}})) return false;
    const double strands_here = strands(work, device);
    if (best < 0 || strands_here < least - kTie) {
      best = device;
      least = strands_here;
    }
    return ++rated == kMostRated;
  });
  return best >= 0 && accept(work, {{best, work.min}});
}

int Pool::tightest(const Work& work, int cores, Bytes bytes, int but) const {
  int best = -1;
  by_free_.ascend(cores, [&](int, int device) {
    if (device == but || at(device).memory < bytes || !work.may_use(device)) return false;
    best = device;
    return true;
  });
  return best;
}

/// How many more of the device's free cores are expected to lack memory once the job's minimum is there.
double Pool::strands(const Work& work, int device) const {
  const auto& place = at(device);
  const auto left = static_cast<double>(place.memory.count);
  return pack::shortage(beside_, place.free - work.min,
                        left - static_cast<double>(work.need_for(work.min).count)) -
         pack::shortage(beside_, place.free, left);
}

bool Pool::move(Work& work, const Spread& next) {
  if (!fits(work, next)) return false;
  charge(work.take, work.taken(), -1);
  charge(next, work.need_for(total(next)), +1);
  const auto put = [&](int device, int cores) {
    const int before = on_device(work.take, device), own = on_device(work.own, device);
    const auto& place = at(device);
    const int of_others = std::max(0, cores - own) - std::max(0, before - own);
    set(device, place.free - (cores - before), place.idle - of_others);
  };
  for (const auto& share : work.take)
    if (on_device(next, share.device) == 0) put(share.device, 0);
  for (const auto& share : next) put(share.device, share.cores);
  work.put(next);
  return true;
}

/// Of the job's minimum, so many as this device has the memory for.
int Pool::cores_that_fit(const Work& work, int device) const {
  if (!work.may_use(device)) return 0;
  const Bytes held = share_of(work.held, on_device(work.kept_on, device), total(work.kept_on));
  const Bytes room = at(device).memory + held;
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
    order.descend(1, [&](int cores, int device) {
      const int n = std::min({left, cores, cores_that_fit(work, device)});
      if (n > 0) next.push_back({device, n});
      left -= std::max(0, n);
      return left == 0;
    });
    if (left == 0 && accept(work, next)) return true;
  }
  return false;
}

bool Pool::place(Work& work) {
  work.memory_free = memory_free_ + work.held;
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

/// Of so many cores more on this device, those whose bytes it can have too, where not all can be had.
int Pool::most_that_fit(const Work& work, int device, int limit) const {
  int fit = 0;
  for (int none = limit; none - fit > 1;) {
    const int n = fit + (none - fit) / 2;
    Spread next = work.take;
    add(next, device, n);
    (fits(work, next) ? fit : none) = n;
  }
  return fit;
}

void Pool::grow_on(Work& work, int device, int limit, int cores) {
  for (int n = std::min({limit, at(device).free, cores - work.cores}); n > 0;) {
    Spread next = work.take;
    add(next, device, n);
    if (accept(work, next)) return;
    n = most_that_fit(work, device, n);
  }
}

void Pool::grow_elsewhere(Work& work, int cores, bool idle_only) {
  const auto& order = idle_only ? by_idle_ : by_free_;
  const int missing = cores - work.cores;
  std::vector<int> candidates;  // the tightest device that has all, else the roomiest ones
  order.ascend(missing, [&](int, int device) {
    if (work.may_use(device)) candidates.push_back(device);
    return !candidates.empty();
  });
  int sum = 0;
  order.descend(1, [&](int free, int device) {
    if (!work.may_use(device)) return false;
    candidates.push_back(device);
    return (sum += free) >= missing;
  });
  for (const int device : candidates) {
    const auto& place = at(device);
    grow_on(work, device, idle_only ? place.idle : place.free, cores);
  }
}

void Pool::grow(Work& work, int cores, bool elsewhere) {
  if (work.take.empty()) return;
  const auto done = [&] { return work.cores >= cores; };
  for (std::size_t i = 0; i < work.own.size() && !done(); ++i)
    grow_on(work, work.own[i].device, work.own[i].cores - on_device(work.take, work.own[i].device), cores);
  for (const bool idle_only : {true, false})
    for (std::size_t i = 0; i < work.take.size() && !done(); ++i) {
      const int device = work.take[i].device;
      const auto& place = at(device);
      grow_on(work, device, idle_only ? place.idle : place.free, cores);
    }
  for (const bool idle_only : {true, false})
    if (elsewhere && !done()) grow_elsewhere(work, cores, idle_only);
}

}  // namespace troupe::planning

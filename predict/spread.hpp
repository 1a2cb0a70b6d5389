#pragma once
// Over which devices a job's cores are spread. Nearly always a few, which need no memory of their own: a plan
// of thousands of jobs makes tens of thousands of these.
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

#include "base/units.hpp"

namespace troupe::planning {

/// So many cores on one device.
struct Share {
  int device = 0;
  int cores = 0;
  friend bool operator==(const Share&, const Share&) = default;
};

/// Each device at most once.
class Spread {
 public:
  Spread() = default;
  Spread(std::initializer_list<Share> shares) {
    for (const Share& share : shares) push_back(share);
  }
  void push_back(Share share) {
    if (size_ < kInside) {
      inside_[size_] = share;
    } else {
      if (size_ == kInside) all_.assign(inside_.begin(), inside_.end());
      all_.push_back(share);
    }
    ++size_;
  }
  void clear() {
    size_ = 0;
    all_.clear();
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Share* begin() { return size_ > kInside ? all_.data() : inside_.data(); }
  Share* end() { return begin() + size_; }
  const Share* begin() const { return size_ > kInside ? all_.data() : inside_.data(); }
  const Share* end() const { return begin() + size_; }
  Share& operator[](std::size_t i) { return begin()[i]; }
  const Share& operator[](std::size_t i) const { return begin()[i]; }
  friend bool operator==(const Spread& a, const Spread& b) {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < a.size_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  static constexpr std::size_t kInside = 4;
  std::size_t size_ = 0;
  std::array<Share, kInside> inside_{};
  std::vector<Share> all_;  // more than that
};

inline int total(const Spread& spread) {
  int sum = 0;
  for (const Share& share : spread) sum += share.cores;
  return sum;
}

inline int on_device(const Spread& spread, int device) {
  for (const Share& share : spread)
    if (share.device == device) return share.cores;
  return 0;
}

/// `cores` more on this device.
inline void add(Spread& spread, int device, int cores) {
  for (Share& share : spread)
    if (share.device == device) {
      share.cores += cores;
      return;
    }
  spread.push_back({device, cores});
}

/// What `part` cores of `whole` carry of `bytes`, rounded down: never falls when `bytes` grows.
inline Bytes share_of(Bytes bytes, int part, int whole) {
  if (whole <= 0) return {};
  constexpr std::int64_t kPlain = std::int64_t{1} << 20;  // parts up to here: plain arithmetic up to 8 TiB
  if (bytes.count >= 0 && part < kPlain && bytes.count < std::numeric_limits<std::int64_t>::max() / kPlain)
    return {bytes.count * part / whole};
  return {static_cast<std::int64_t>(static_cast<__int128>(bytes.count) * part / whole)};
}

}  // namespace troupe::planning

#pragma once
// When a captured CUDA graph may be replayed: only where everything that it was captured with is the same.
// Pure.
#include <compare>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace troupe::cuda {

/// What a graph's kernels and their choice depend on. Anything left out here is replayed wrongly in silence.
struct GraphKey {
  std::string job, phase, part;     // "gan", "64x64 fading in", "critic"
  std::vector<std::int64_t> shape;  // of a shard's input
  std::string precision, layout;    // "float32", "channels_last"
  int device = 0;
  unsigned sms = 0;             // in force: libraries choose kernels by it
  std::uint64_t context = 0;    // of the stream captured on: a graph belongs to its context
  std::uint64_t addresses = 0;  // hash of the buffers' addresses: they are baked in
  int driver = 0, runtime = 0, torch = 0, cudnn = 0, cublas = 0, nccl = 0;
  friend auto operator<=>(const GraphKey&, const GraphKey&) = default;
};

/// What of two keys differs, for people: "sms 32 -> 64, torch 21100 -> 21300"; empty where nothing does.
std::string difference(const GraphKey& before, const GraphKey& after);

/// At most `bound` graphs (1 or more), dropped by use. A graph holds memory of its slice, so the bound is
/// small.
template <class Graph>
class GraphCache {
 public:
  explicit GraphCache(std::size_t bound) : bound_(bound < 1 ? 1 : bound) {}
  /// Null: to be captured. The pointer holds until the next put or drop.
  Graph* find(const GraphKey& key) {
    const auto it = by_key_.find(key);
    if (it == by_key_.end()) {
      ++misses_;
      return nullptr;
    }
    ++hits_;
    order_.splice(order_.begin(), order_, it->second);
    return &it->second->second;
  }
  void put(GraphKey key, Graph graph) {
    drop_where([&](const GraphKey& k) { return k == key; });
    while (order_.size() >= bound_) {
      by_key_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, std::move(graph));
    by_key_.emplace(std::move(key), order_.begin());
  }
  /// E.g. those of a context that goes, or of a phase that is over. Returns how many went.
  template <class F>
  std::size_t drop_where(const F& gone) {
    std::size_t dropped = 0;
    for (auto it = order_.begin(); it != order_.end();) {
      if (!gone(it->first)) {
        ++it;
        continue;
      }
      by_key_.erase(it->first);
      it = order_.erase(it);
      ++dropped;
    }
    return dropped;
  }
  std::size_t size() const noexcept { return order_.size(); }
  std::int64_t hits() const noexcept { return hits_; }
  std::int64_t misses() const noexcept { return misses_; }

 private:
  using Order = std::list<std::pair<GraphKey, Graph>>;  // most lately used first
  std::size_t bound_;
  Order order_;
  std::map<GraphKey, typename Order::iterator> by_key_;
  std::int64_t hits_ = 0, misses_ = 0;
};

}  // namespace troupe::cuda

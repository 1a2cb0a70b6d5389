#pragma once
// What a collective's sums must be, and threads that act as its ranks.
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <thread>
#include <type_traits>
#include <vector>

#include "gpu/collective.hpp"

namespace troupe::test {

using Ends = std::vector<std::shared_ptr<Collective>>;
using MakeEnds = std::function<Ends(int ranks, double timeout_seconds)>;

/// What the conformance suite runs over.
struct BackEnd {
  template <class Make>
  requires(!std::is_same_v<Make, BackEnd>) BackEnd(Make make_ends, bool is_exact = true)
      : make(std::move(make_ends)), exact(is_exact) {}
  Ends operator()(int ranks, double timeout) const { return make(ranks, timeout); }
  /// For groups that take long to make: of so many ranks at most, aborted in the middle so many times.
  BackEnd within(int ranks, int times) const {
    BackEnd other = *this;
    other.most_ranks = ranks;
    other.aborts = times;
    return other;
  }

  MakeEnds make;
  bool exact;  // else sums of float may be made in any order, and are tried with numbers that allow it
  int most_ranks = 8, aborts = 50;
};

/// The process of each rank, from 0: the ranks of one share an output.
inline std::vector<std::size_t> processes_of(const Ends& ends) {
  std::vector<std::size_t> all;
  std::size_t next = 0;
  for (const auto& end : ends) all.push_back(end->leads() ? next++ : next - 1);
  return all;
}
/// The last rank that sums anything.
inline int last_at_work(const Ends& ends, std::size_t n) {
  int last = 0;
  for (const auto& end : ends)
    if (const auto part = end->part(n); part.first < part.second) last = end->rank();
  return last;
}

/// f(rank) on a thread a rank; returns when all are done.
inline void on_ranks(int ranks, const std::function<void(int)>& f) {
  std::vector<std::thread> threads;
  for (int r = 0; r < ranks; ++r) threads.emplace_back(f, r);
  for (auto& thread : threads) thread.join();
}

/// The documented recursion, written down as it is documented.
template <class T>
T reference(const std::vector<std::vector<T>>& members, std::size_t element, int lo, int hi) {
  if (hi - lo == 1) return members[static_cast<std::size_t>(lo)][element];
  const int mid = lo + (hi - lo + 1) / 2;
  return reference(members, element, lo, mid) + reference(members, element, mid, hi);
}

/// Values whose float sums depend on the order: magnitudes from 1e-6 to 1e6, both signs.
template <class T>
std::vector<std::vector<T>> random_members(int members, std::size_t n) {
  std::mt19937 random(static_cast<unsigned>(members) * 7919u + static_cast<unsigned>(n));
  std::vector<std::vector<T>> all(static_cast<std::size_t>(members), std::vector<T>(n));
  for (auto& member : all)
    for (auto& x : member) {
      const double sign = random() % 2 ? 1 : -1;
      if constexpr (std::is_integral_v<T>)
        x = static_cast<T>(random()) * (random() % 2 ? 1 : -1);
      else
        x = static_cast<T>(sign * std::pow(10.0, static_cast<double>(random() % 1200) / 100 - 6));
    }
  return all;
}

/// The same, but that sums of float come to the same bits in every order.
template <class T>
std::vector<std::vector<T>> whole_members(int members, std::size_t n) {
  auto all = random_members<T>(members, n);
  if constexpr (std::is_same_v<T, float>)
    for (auto& member : all)
      for (auto& x : member) x = static_cast<float>(static_cast<int>(x) % 1000);
  return all;
}

template <class T>
std::vector<T> reference_sum(const std::vector<std::vector<T>>& members, std::size_t n, T scale) {
  std::vector<T> sum(n);
  for (std::size_t i = 0; i < n; ++i)
    sum[i] = reference(members, i, 0, static_cast<int>(members.size())) * scale;
  return sum;
}

template <class T>
bool same_bits(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace troupe::test

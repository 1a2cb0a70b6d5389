// The inner loop of every reduction. Blocks that stay in the first-level cache, so that memory is read once
// and written once however many members there are; the additions of an element happen in the tree's order
// whatever the blocks, the ranges or the instruction set are.
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "gpu/collective.hpp"

namespace troupe {
namespace {

constexpr std::size_t kBlock = 1024;  // elements: at most 8 KiB a temporary
constexpr int kLevels = 20;           // temporaries for 4 * 2^kLevels members

template <class T>
T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));  // wraps
  else
    return a + b;
}
template <class T>
T times(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  else
    return a * b;
}

/// f(i) for i in [0, n), vectorised: what f writes may be what it reads at the same i, never at another.
template <class F>
inline void each(std::size_t n, const F& f) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) f(i);
}

template <class T, class Out>
void leaves(const T* const* m, std::size_t count, std::size_t at, std::size_t n, const Out& out) {
  const T* a = m[0] + at;
  const T* b = m[count > 1 ? 1 : 0] + at;
  const T* c = m[count > 2 ? 2 : 0] + at;
  const T* d = m[count > 3 ? 3 : 0] + at;
  switch (count) {
    case 1:
      return each(n, [=](std::size_t i) { out(i, a[i]); });
    case 2:
      return each(n, [=](std::size_t i) { out(i, plus(a[i], b[i])); });
    case 3:
      return each(n, [=](std::size_t i) { out(i, plus(plus(a[i], b[i]), c[i])); });
    default:
      return each(n, [=](std::size_t i) { out(i, plus(plus(a[i], b[i]), plus(c[i], d[i]))); });
  }
}

/// A named type, not a lambda: a lambda of `tree` would be another type at each level of its recursion.
template <class T>
struct Store {
  T* to;
  void operator()(std::size_t i, T v) const { to[i] = v; }
};
template <class T>
struct StoreScaled {
  T* to;
  T scale;
  void operator()(std::size_t i, T v) const { to[i] = times(v, scale); }
};

/// `out`(i, sum) for the elements [at, at + n) of tree(m, m + count); temporaries from `scratch` on.
template <class T, class Out>
void tree(const T* const* m, std::size_t count, std::size_t at, std::size_t n, T* scratch, const Out& out) {
  if (count <= 4) return leaves(m, count, at, n, out);
  const std::size_t left = (count + 1) / 2;
  T* const sum = scratch;
  T* const other = scratch + kBlock;
  tree(m, left, at, n, other, Store<T>{sum});
  tree(m + left, count - left, at, n, other + kBlock, Store<T>{other});
  each(n, [=](std::size_t i) { out(i, plus(sum[i], other[i])); });
}

template <class T>
void sum(std::span<const T* const> members, T* out, std::size_t begin, std::size_t end, T scale) {
  if (members.empty()) return std::fill(out + begin, out + std::max(begin, end), T{});
  alignas(64) T scratch[kBlock * (kLevels + 2)];
  // Plain stores: those past the caches were no faster than these, and the optimiser reads the sum next.
  for (std::size_t at = begin; at < end; at += kBlock)
    tree(members.data(), members.size(), at, std::min(kBlock, end - at), scratch,
         StoreScaled<T>{out + at, scale});
}

}  // namespace

void tree_sum(std::span<const float* const> members, float* out, std::size_t begin, std::size_t end,
              float scale) {
  sum(members, out, begin, end, scale);
}
void tree_sum(std::span<const double* const> members, double* out, std::size_t begin, std::size_t end,
              double scale) {
  sum(members, out, begin, end, scale);
}
void tree_sum(std::span<const std::int64_t* const> members, std::int64_t* out, std::size_t begin,
              std::size_t end, std::int64_t scale) {
  sum(members, out, begin, end, scale);
}

}  // namespace troupe

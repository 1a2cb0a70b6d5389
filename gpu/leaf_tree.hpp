#pragma once
// The fixed tree of a sum whose members lie in several places: each place sends the sums of the largest
// subtrees that it holds wholly, and whoever has all of those finishes the tree. Pure.
#include <cstddef>
#include <span>
#include <vector>

namespace troupe {

/// tree(lo, hi) of the fixed tree (gpu/collective.hpp).
struct Subtree {
  int lo = 0, hi = 0;
  friend bool operator==(const Subtree&, const Subtree&) = default;
};

/// The largest subtrees of tree(0, members) that lie in [first, first + count), ascending. Any numbers may be
/// given: what lies outside is left out.
std::vector<Subtree> subtrees(int members, int first, int count);

/// How the sums of `leaves` are added with a stack: leaf after leaf is put on it, and after leaf i the two
/// topmost are added merges[i] times. `leaves`: as of LeafTree; none: nothing.
std::vector<unsigned char> merges(int members, std::span<const Subtree> leaves);

/// The way from the sums of some subtrees to that of all members.
class LeafTree {
 public:
  /// `leaves` are subtrees of tree(0, members), ascending, and together all of it.
  LeafTree(int members, std::span<const Subtree> leaves);
  /// Elements [begin, end) of the tree's sum, times scale; leaves[i] is the sum of subtree i. No leaf is
  /// `out`.
  template <class T>
  void sum(std::span<const T* const> leaves, T* out, std::size_t begin, std::size_t end, T scale) const;

 private:
  struct Node {
    int first = 0, count = 0;  // of leaves
    int left = -1, right = -1;
    bool plain = false;  // the tree over its leaves is the fixed tree over so many members
  };
  int build(int lo, int hi, std::span<const Subtree> leaves, int& next);
  template <class T>
  void evaluate(int node, const T* const* leaves, T* out, std::size_t n, T scale, T* scratch) const;
  int depth(int node) const;

  std::vector<Node> nodes_;
  int root_ = -1;
  int depth_ = 0;
};

}  // namespace troupe

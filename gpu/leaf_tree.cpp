#include "gpu/leaf_tree.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "gpu/collective.hpp"

namespace troupe {
namespace {

constexpr std::size_t kBlock = 1024;  // elements of a temporary, as in the inner loop of every reduction

int middle(int lo, int hi) { return lo + (hi - lo) / 2 + (hi - lo) % 2; }

void collect(int lo, int hi, std::int64_t from, std::int64_t to, std::vector<Subtree>& found) {
  if (hi <= from || lo >= to) return;
  if (from <= lo && hi <= to) return found.push_back({lo, hi});
  const int mid = middle(lo, hi);
  collect(lo, mid, from, to, found);
  collect(mid, hi, from, to, found);
}

void walk(int lo, int hi, std::span<const Subtree> leaves, std::vector<unsigned char>& merges) {
  if (leaves[merges.size()] == Subtree{lo, hi}) return merges.push_back(0);
  walk(lo, middle(lo, hi), leaves, merges);
  walk(middle(lo, hi), hi, leaves, merges);
  ++merges.back();
}

}  // namespace

std::vector<unsigned char> merges(int members, std::span<const Subtree> leaves) {
  std::vector<unsigned char> found;
  if (members > 0) walk(0, members, leaves, found);
  return found;
}

std::vector<Subtree> subtrees(int members, int first, int count) {
  std::vector<Subtree> found;
  if (members > 0 && count > 0) collect(0, members, first, std::int64_t{first} + count, found);
  return found;
}

LeafTree::LeafTree(int members, std::span<const Subtree> leaves) {
  int next = 0;
  if (members <= 0) return;
  root_ = build(0, members, leaves, next);
  depth_ = depth(root_);
}

int LeafTree::build(int lo, int hi, std::span<const Subtree> leaves, int& next) {
  Node node{.first = next};
  if (leaves[static_cast<std::size_t>(next)] == Subtree{lo, hi}) {
    ++next;
    node.plain = true;
  } else {
    node.left = build(lo, middle(lo, hi), leaves, next);
    node.right = build(middle(lo, hi), hi, leaves, next);
    const Node& left = nodes_[static_cast<std::size_t>(node.left)];
    const Node& right = nodes_[static_cast<std::size_t>(node.right)];
    node.plain = left.plain && right.plain && left.count == (left.count + right.count + 1) / 2;
  }
  node.count = next - node.first;
  nodes_.push_back(node);
  return static_cast<int>(nodes_.size()) - 1;
}

int LeafTree::depth(int node) const {
  const Node& it = nodes_[static_cast<std::size_t>(node)];
  return it.plain ? 0 : 1 + std::max(depth(it.left), depth(it.right));
}

/// `scratch` has 2 * kBlock elements for each level below.
template <class T>
void LeafTree::evaluate(int node, const T* const* leaves, T* out, std::size_t n, T scale, T* scratch) const {
  const Node& it = nodes_[static_cast<std::size_t>(node)];
  if (it.plain)
    return tree_sum(std::span(leaves + it.first, static_cast<std::size_t>(it.count)), out, 0, n, scale);
  T *left = scratch, *right = scratch + kBlock;
  evaluate(it.left, leaves, left, n, T{1}, scratch + 2 * kBlock);
  evaluate(it.right, leaves, right, n, T{1}, scratch + 2 * kBlock);
  const std::array<const T*, 2> both = {left, right};
  tree_sum(std::span<const T* const>(both), out, 0, n, scale);
}

template <class T>
void LeafTree::sum(std::span<const T* const> leaves, T* out, std::size_t begin, std::size_t end,
                   T scale) const {
  if (root_ < 0 || nodes_[static_cast<std::size_t>(root_)].plain)
    return tree_sum(leaves, out, begin, end, scale);
  std::vector<T> scratch(2 * kBlock * static_cast<std::size_t>(depth_));
  std::vector<const T*> here(leaves.size());
  for (std::size_t at = begin; at < end; at += kBlock) {
    for (std::size_t i = 0; i < leaves.size(); ++i) here[i] = leaves[i] + at;
    evaluate(root_, here.data(), out + at, std::min(kBlock, end - at), scale, scratch.data());
  }
}

template void LeafTree::sum(std::span<const float* const>, float*, std::size_t, std::size_t, float) const;
template void LeafTree::sum(std::span<const double* const>, double*, std::size_t, std::size_t, double) const;
template void LeafTree::sum(std::span<const std::int64_t* const>, std::int64_t*, std::size_t, std::size_t,
                            std::int64_t) const;

}  // namespace troupe

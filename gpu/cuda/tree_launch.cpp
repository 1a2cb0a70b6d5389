#include "gpu/cuda/tree_launch.hpp"

#include <algorithm>

namespace troupe::cuda {
namespace {

constexpr std::size_t kAlign =
    64;  // elements: partial sums begin where vector loads and NCCL's fast paths want them

/// The sum of whole buffers, from `from` on, as the tree over so many of them.
Result<TreeLeaves> whole_leaves(std::span<const float* const> buffers, std::size_t from) {
  std::vector<Subtree> ones;
  std::vector<const void*> at;
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    ones.push_back({static_cast<int>(i), static_cast<int>(i) + 1});
    at.push_back(buffers[i] + from);
  }
  return leaves_of(static_cast<int>(buffers.size()), ones, at);
}

std::size_t aligned(std::size_t elements) { return (elements + kAlign - 1) / kAlign * kAlign; }

}  // namespace

Result<TreeLeaves> leaves_of(int members, std::span<const Subtree> cut, std::span<const void* const> at) {
  if (cut.size() > kTreeLeaves)
    return fail({ErrorCode::no_capacity, "too many buffers in one sum on a device", "NCCL collective",
                 std::to_string(cut.size()), "at most " + std::to_string(kTreeLeaves), "Use fewer shards"});
  TreeLeaves leaves{};
  const auto times = merges(members, cut);
  leaves.count = static_cast<int>(cut.size());
  for (std::size_t i = 0; i < cut.size(); ++i) {
    leaves.at[i] = at[i];
    leaves.merges[i] = times[i];
  }
  return leaves;
}

TreeLaunch::TreeLaunch(DeviceMemory& memory, Bytes bucket, Enqueued enqueued, Reads reads)
    : memory_(memory),
      bucket_(aligned(static_cast<std::size_t>(std::max<std::int64_t>(bucket.count, 1024)) / sizeof(float))),
      enqueued_(std::move(enqueued)),
      reads_(std::move(reads)) {}

TreeLaunch::~TreeLaunch() {
  if (scratch_) memory_.free(scratch_);
}

Result<float*> TreeLaunch::scratch(std::size_t elements) {
  if (elements <= scratch_elements_) return scratch_;
  if (scratch_) memory_.free(scratch_);
  scratch_ = nullptr;
  scratch_elements_ = 0;
  const auto made = memory_.allocate({static_cast<std::int64_t>(elements * sizeof(float))});
  if (!made) return fail(made.error());
  scratch_ = static_cast<float*>(*made);
  scratch_elements_ = elements;
  return scratch_;
}

Result<void> TreeLaunch::exact(Nccl* nccl, Comm comm, int rank, const std::vector<ShardRun>& runs,
                               const Contribution<float>& mine, float* out, std::size_t n, float scale) {
  if (n == 0) return {};
  if (runs.size() == 1) {
    if (auto read = reads_(0, n); !read) return read;
    const auto leaves = whole_leaves(mine.buffers, 0);
    return leaves ? memory_.tree_sum(*leaves, out, n, scale) : fail(leaves.error());
  }
  std::vector<std::vector<Subtree>> held;  // by rank
  std::vector<Subtree> cut;                // of all
  std::size_t slots = 1;                   // partial sums that each rank sends, some of them empty
  for (const auto& run : runs) {
    held.push_back(subtrees(mine.members, run.first, run.count));
    cut.insert(cut.end(), held.back().begin(), held.back().end());
    slots = std::max(slots, held.back().size());
  }
  const std::size_t step = std::min(aligned(n), bucket_);
  const auto room = scratch((runs.size() + 1) * slots * step);
  if (!room) return fail(room.error());
  float* const sent = *room;
  float* const gathered = sent + slots * step;
  for (std::size_t at = 0; at < n; at += step) {
    const std::size_t length = std::min(step, n - at), pitch = std::min(step, aligned(length));
    if (auto read = reads_(at, at + length); !read) return read;
    for (std::size_t k = 0; k < held[static_cast<std::size_t>(rank)].size(); ++k) {
      const Subtree& tree = held[static_cast<std::size_t>(rank)][k];
      const auto inside = mine.buffers.subspan(static_cast<std::size_t>(tree.lo - mine.first),
                                               static_cast<std::size_t>(tree.hi - tree.lo));
      const auto leaves = whole_leaves(inside, at);
      if (!leaves) return fail(leaves.error());
      if (auto ok = memory_.tree_sum(*leaves, sent + k * pitch, length, 1); !ok) return ok;
    }
    if (auto ok = nccl->all_gather(comm, sent, gathered, slots * pitch, memory_.stream()); !ok) return ok;
    if (auto ok = enqueued_(*nccl, comm); !ok) return ok;
    std::vector<const void*> sums;
    for (std::size_t r = 0; r < held.size(); ++r)
      for (std::size_t k = 0; k < held[r].size(); ++k) sums.push_back(gathered + (r * slots + k) * pitch);
    const auto leaves = leaves_of(mine.members, cut, sums);
    if (!leaves) return fail(leaves.error());
    if (auto ok = memory_.tree_sum(*leaves, out + at, length, scale); !ok) return ok;
  }
  return {};
}

Result<void> TreeLaunch::fast(Nccl& nccl, Comm comm, const Contribution<float>& mine, float* out,
                              std::size_t n, float scale) {
  if (n == 0) return {};
  const std::size_t step = std::min(aligned(n), bucket_);
  const auto room = scratch(step);
  if (!room) return fail(room.error());
  float* const sum = *room;
  const float* const whole[] = {sum};
  for (std::size_t at = 0; at < n; at += step) {
    const std::size_t length = std::min(step, n - at);
    if (auto read = reads_(at, at + length); !read) return read;
    const auto leaves = whole_leaves(mine.buffers, at);
    if (!leaves) return fail(leaves.error());
    if (auto ok = memory_.tree_sum(*leaves, sum, length, 1); !ok) return ok;
    if (auto ok = nccl.all_reduce(comm, sum, sum, length, memory_.stream()); !ok) return ok;
    if (auto ok = enqueued_(nccl, comm); !ok) return ok;
    const auto one = whole_leaves(whole, 0);
    if (auto ok = memory_.tree_sum(*one, out + at, length, scale); !ok) return ok;
  }
  return {};
}

}  // namespace troupe::cuda

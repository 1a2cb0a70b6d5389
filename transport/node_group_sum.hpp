#pragma once
// The sums of one call among the processes of a group.
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/leaf_tree.hpp"
#include "transport/node_group_meet.hpp"

namespace troupe::group {

/// Run by the rank that leads its process. All sums are one range of elements, cut into chunks. An element
/// has an owner, who gets everyone's partial sums of it, finishes the tree and sends the result to the
/// others; in the direct scheme everyone owns everything, and nothing is sent on.
///
/// No dead-lock: step t of a process sends its partial sums of every owner's chunk t, then sums its own chunk
/// t - kAhead and sends that, then takes the others' results t - 2 kAhead. Sends never block it (Link). What
/// it waits for in step t the others sent in their step t - kAhead or before: so the process in the lowest
/// step can always go on, once what it waits for gets through. That it does: each channel's messages are
/// taken in the order in which they were sent, so all before the one that is waited for have been taken and
/// their credit has gone back, but for less than the eighth of a window that no message needs. In flight are
/// at most the messages of 2 kAhead + 1 steps.
template <class T>
class Exchange {
 public:
  Exchange(Hub& hub, Kind kind, std::uint64_t call, bool all, std::vector<Job<T>> jobs,
           const ParallelFor& parallel, const Collective::Then& then);
  Result<void> run();
  /// Read and written.
  std::int64_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kAhead = 2;
  using Buffer = std::shared_ptr<std::byte>;

  /// The elements of one sum in a chunk.
  struct Piece {
    std::size_t job, from, length;  // elements of the sum
    std::size_t at;                 // in the chunk
  };
  struct Chunk {
    std::size_t length = 0;
    std::vector<Piece> pieces;
  };
  /// A process's partial sums of a chunk: for each piece its subtrees', one behind another.
  struct Partials {
    const T* data = nullptr;
    std::shared_ptr<const void> owner;
  };
  /// What is known of a process once its first message has come.
  struct Peer {
    std::vector<std::vector<Subtree>> subtrees;  // of each sum
  };

  void plan();
  std::size_t owners() const noexcept { return direct_ ? 1 : peers_.size(); }
  std::size_t own_area() const noexcept { return direct_ ? 0 : static_cast<std::size_t>(hub_.self()); }
  Chunk chunk(std::size_t area, std::size_t number) const;
  std::size_t elements(const Peer& peer, const Chunk& chunk) const;

  void send_partials(std::size_t number);
  Result<void> sum_chunk(std::size_t number);
  Result<void> take_results(std::size_t number);
  Buffer make_partials(const Chunk& chunk);
  Result<std::vector<Partials>> gather(std::size_t number, const Chunk& chunk);
  Result<void> meet(int process, const std::vector<SumShape>& theirs);
  Result<void> join_runs();
  Buffer finish(const Chunk& chunk, const std::vector<Partials>& partials);
  Result<Partials> payload_of(int process, Arrival arrival, std::size_t elements);
  void spread_pieces(const Chunk& chunk,
                     const std::function<void(std::size_t, std::size_t, std::size_t)>& f) const;
  Expected expected(What what, std::size_t number) const { return {what, kind_, call_, digest_, number}; }

  Hub& hub_;
  const Kind kind_;
  const std::uint64_t call_;
  const bool all_;
  const std::vector<Job<T>> jobs_;
  const ParallelFor& parallel_;
  const Collective::Then& then_;
  std::vector<SumShape> shapes_;
  std::uint64_t digest_ = 0;
  bool direct_ = true;
  std::size_t chunk_ = 1, rounds_ = 1;      // elements; chunks of the largest area
  std::vector<std::size_t> starts_;         // of the sums in the range, and its end
  std::vector<std::size_t> areas_;          // of the owners, likewise
  std::vector<Peer> peers_;                 // each process, this one included
  std::vector<std::vector<SumShape>> met_;  // what each said
  std::vector<LeafTree> trees_;             // of each sum
  std::deque<Buffer> own_;                  // partial sums of own chunks that are not yet summed
  std::int64_t bytes_ = 0;
};

}  // namespace troupe::group

#pragma once
// One process's side of a group: its links to the others, what has come, who has come, and the first failure.
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "gpu/barrier.hpp"
#include "transport/node_group.hpp"
#include "transport/node_group_desk.hpp"
#include "transport/node_group_link.hpp"
#include "transport/node_group_pool.hpp"
#include "transport/node_group_wire.hpp"

namespace troupe::group {

/// A message of a call that waits for this process's leader.
struct Arrival {
  Parsed parsed;
  Message message;
};

/// What a leader expects next from a process.
struct Expected {
  What what = What::call;
  Kind kind = Kind::none;
  std::uint64_t call = 0, digest = 0, chunk = 0;
};

class Hub {
 public:
  /// `channels`: one for each process, none for this one.
  Hub(const NodeGroupOptions& options, std::vector<std::optional<Channel>> channels);
  /// Waits until what was posted can leave, unless the group has failed.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  const NodeGroupOptions& options() const noexcept { return options_; }
  int processes() const noexcept { return static_cast<int>(options_.processes.size()); }
  int self() const noexcept { return self_; }
  int ranks() const noexcept { return first_rank_.back(); }
  int ranks_here() const noexcept { return options_.processes[static_cast<std::size_t>(self_)].ranks; }
  int first_rank(int process) const { return first_rank_[static_cast<std::size_t>(process)]; }
  int first_rank_here() const { return first_rank(self_); }
  /// Of the group as all processes were told it.
  std::uint64_t digest() const noexcept { return digest_; }
  Pool& pool() noexcept { return *pool_; }
  RankBarrier& barrier() noexcept { return barrier_; }

  // -- for the rank that leads
  void post(int process, const Head& head, const std::vector<SumShape>& sums = {}, Payload payload = {});
  /// The next message of a process; an error where it is another one.
  Result<Arrival> take(int process, const Expected& expected);
  /// Until nothing that was posted before waits for credit.
  Result<void> drain();
  /// For who makes fast sums; none where the group has no such.
  const std::shared_ptr<Desk>& desk() const noexcept { return desk_; }
  /// Of what went by another way than the links.
  void add_sent(std::int64_t bytes) noexcept { sent_.fetch_add(bytes, std::memory_order_relaxed); }
  std::int64_t sent_bytes() const noexcept { return sent_.load(std::memory_order_relaxed); }
  /// What follows is progress, for those who wait in the barrier.
  void advance() noexcept { progress_.fetch_add(1, std::memory_order_relaxed); }

  // -- for every rank of this process (index from 0)
  void come(int index, std::uint64_t call) noexcept { come_[static_cast<std::size_t>(index)].store(call); }
  /// An end is destroyed: the calls that nobody misses it in still count.
  void leave(int index) noexcept;
  /// The first failure stays, here and in the others. Any thread.
  void fail(Error error) noexcept;
  Error error() const { return barrier_.error(); }
  Error disagreement(const std::string& why) const;
  /// The peer's message makes no sense.
  Error nonsense(int process, const std::string& what) const;

 private:
  struct Other {
    std::unique_ptr<Link> link;  // none: this process
    std::deque<Arrival> inbox;
    std::optional<Error> ended;  // it sends no more
    std::uint64_t answered = 0;  // the last question
    std::vector<std::int32_t> missing;
  };
  using Ranks = std::vector<std::int32_t>;

  Other& other(int process) { return others_[static_cast<std::size_t>(process)]; }
  void came(int process, Message message);
  void broke(int process, const Error& error);
  void hear_answer(int process, const Head& head, Ranks ranks);
  void hear_leave(int process, const Ranks& ranks);
  Error left(int rank) const;
  Ranks ranks_of(int process) const;
  Ranks missing_here(std::uint64_t call) const;
  /// Asks everyone who has not come for a call, and waits for the answers a while.
  Ranks missing(std::uint64_t call);
  Error did_not_come(const Ranks& ranks) const;
  /// For the barrier.
  std::optional<Error> late();
  std::optional<Error> check(int process, const Arrival& arrival, const Expected& expected) const;
  std::string name(int process) const;
  std::string where() const;
  /// Waits until `ready`; false after the timeout. Fails when the group does.
  template <class Ready>
  Result<bool> wait(std::unique_lock<std::mutex>& lock, double seconds, const Ready& ready);

  const NodeGroupOptions options_;
  std::vector<int> first_rank_;  // of each process, and the number of all
  int self_ = 0;
  std::uint64_t digest_ = 0;
  const std::shared_ptr<Pool> pool_ = std::make_shared<Pool>();
  std::shared_ptr<Desk> desk_;                    // made before a link reads
  std::vector<std::atomic<std::uint64_t>> come_;  // the last call of each rank here
  RankBarrier barrier_;
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::uint64_t> progress_{0};
  std::mutex late_mutex_;  // one rank asks at a time
  std::uint64_t seen_progress_ = 0, questions_ = 0;
  int idle_looks_ = 0;
  std::mutex fail_mutex_;     // one failure at a time; taken before mutex_
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  bool stopped_ = false;
  std::vector<Other> others_;
};

}  // namespace troupe::group

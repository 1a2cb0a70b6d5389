#include "transport/node_group_sum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/hash.hpp"

namespace troupe::group {
namespace {

constexpr std::size_t kLine = 64;  // bytes: owners' parts begin at a multiple of so much

std::span<const std::byte> bytes_of(const std::shared_ptr<std::byte>& buffer, std::size_t size) {
  return {buffer.get(), size};
}

}  // namespace

template <class T>
Exchange<T>::Exchange(Hub& hub, Kind kind, std::uint64_t call, bool all, std::vector<Job<T>> jobs,
                      const ParallelFor& parallel, const Collective::Then& then)
    : hub_(hub),
      kind_(kind),
      call_(call),
      all_(all),
      jobs_(std::move(jobs)),
      parallel_(parallel),
      then_(then),
      peers_(static_cast<std::size_t>(hub.processes())),
      met_(static_cast<std::size_t>(hub.processes())) {
  plan();
}

template <class T>
void Exchange<T>::plan() {
  shapes_ = shapes_of(jobs_, all_);
  Hasher hasher;
  const std::uint64_t group[] = {hub_.digest(), static_cast<std::uint64_t>(kind_), jobs_.size()};
  hasher.add(group, sizeof group);
  starts_ = {0};
  for (auto shape : shapes_) {
    starts_.push_back(starts_.back() + shape.n);
    shape.first = shape.count = 0;  // these differ from process to process
    hasher.add(&shape, sizeof shape);
  }
  digest_ = hasher.value();
  const std::size_t total = starts_.back(), processes = peers_.size(), line = kLine / sizeof(T);
  direct_ = processes == 2 || total * sizeof(T) <= static_cast<std::size_t>(hub_.options().small.count);
  chunk_ = static_cast<std::size_t>(hub_.options().chunk.count) / sizeof(T);
  for (std::size_t q = 0; q < owners(); ++q) areas_.push_back(total * q / owners() / line * line);
  areas_.push_back(total);
  std::size_t largest = 1;
  for (std::size_t q = 0; q < owners(); ++q) largest = std::max(largest, areas_[q + 1] - areas_[q]);
  rounds_ = (largest + chunk_ - 1) / chunk_;
  for (const auto& job : jobs_)
    peers_[static_cast<std::size_t>(hub_.self())].subtrees.push_back(
        subtrees(job.members, job.first, static_cast<int>(job.buffers.size())));
}

template <class T>
typename Exchange<T>::Chunk Exchange<T>::chunk(std::size_t area, std::size_t number) const {
  const std::size_t begin = std::min(areas_[area + 1], areas_[area] + number * chunk_);
  const std::size_t end = std::min(areas_[area + 1], begin + chunk_);
  Chunk cut{end - begin, {}};
  auto job =
      static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin() - 1);
  for (std::size_t at = begin; at < end; ++job) {
    const std::size_t to = std::min(end, starts_[job + 1]);
    if (to > at) cut.pieces.push_back({job, at - starts_[job], to - at, at - begin});
    at = to;
  }
  return cut;
}

template <class T>
std::size_t Exchange<T>::elements(const Peer& peer, const Chunk& chunk) const {
  std::size_t count = 0;
  for (const auto& piece : chunk.pieces) count += peer.subtrees[piece.job].size() * piece.length;
  return count;
}

/// f(i, from, until): of piece i, the elements that a thread has, counted from the piece's first.
template <class T>
void Exchange<T>::spread_pieces(const Chunk& chunk,
                                const std::function<void(std::size_t, std::size_t, std::size_t)>& f) const {
  spread(parallel_, chunk.length, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = 0; i < chunk.pieces.size(); ++i) {
      const Piece& piece = chunk.pieces[i];
      const std::size_t from = std::max(begin, piece.at), until = std::min(end, piece.at + piece.length);
      if (from < until) f(i, from - piece.at, until - piece.at);
    }
  });
}

template <class T>
Result<void> Exchange<T>::run() {
  const std::size_t steps = rounds_ + (direct_ ? 1 : 2) * kAhead;
  for (std::size_t t = 0; t < steps; ++t) {
    if (t < rounds_) send_partials(t);
    if (t >= kAhead && t - kAhead < rounds_)
      if (auto summed = sum_chunk(t - kAhead); !summed) return summed;
    if (!direct_ && t >= 2 * kAhead)
      if (auto taken = take_results(t - 2 * kAhead); !taken) return taken;
  }
  return {};
}

/// The first message goes to everyone, with elements or without: it tells the sender's members.
template <class T>
void Exchange<T>::send_partials(std::size_t number) {
  const auto self = static_cast<std::size_t>(hub_.self());
  const Head head{.what = number == 0 ? What::call : What::partial,
                  .kind = kind_,
                  .call = call_,
                  .digest = digest_,
                  .chunk = number};
  Chunk cut;
  Buffer made;
  for (std::size_t p = 0; p < peers_.size(); ++p) {
    if (!direct_ || p == 0) {
      cut = chunk(direct_ ? 0 : p, number);
      for (const Piece& piece : cut.pieces)
        if (const auto& ready = jobs_[piece.job].ready) ready(piece.from, piece.from + piece.length);
      made = make_partials(cut);
    }
    if (p == (direct_ ? 0 : self)) own_.push_back(made);
    if (p == self) continue;
    if (number > 0 && cut.length == 0) continue;
    Payload payload;
    if (const auto size = elements(peers_[self], cut) * sizeof(T); size > 0)
      payload = {{bytes_of(made, size)}, made};
    hub_.post(static_cast<int>(p), head, number == 0 ? shapes_ : std::vector<SumShape>{}, std::move(payload));
  }
}

template <class T>
typename Exchange<T>::Buffer Exchange<T>::make_partials(const Chunk& chunk) {
  struct Work {
    std::size_t at, length;
    T* to;
    std::vector<const T*> members;  // from the piece's first element
  };
  const auto& mine = peers_[static_cast<std::size_t>(hub_.self())];
  auto buffer = hub_.pool().take(elements(mine, chunk) * sizeof(T));
  auto* to = reinterpret_cast<T*>(buffer.get());
  std::vector<Work> all;
  for (const auto& piece : chunk.pieces) {
    const Job<T>& job = jobs_[piece.job];
    for (const auto& tree : mine.subtrees[piece.job]) {
      Work work{piece.at, piece.length, to, {}};
      for (int m = tree.lo; m < tree.hi; ++m)
        work.members.push_back(job.buffers[static_cast<std::size_t>(m - job.first)] + piece.from);
      bytes_ += static_cast<std::int64_t>((work.members.size() + 1) * piece.length * sizeof(T));
      all.push_back(std::move(work));
      to += piece.length;
    }
  }
  if (all.empty()) return buffer;
  spread(parallel_, chunk.length, [&](std::size_t begin, std::size_t end) {
    for (const auto& work : all) {
      const std::size_t from = std::max(begin, work.at), until = std::min(end, work.at + work.length);
      if (from < until)
        tree_sum(std::span<const T* const>(work.members), work.to, from - work.at, until - work.at, T{1});
    }
  });
  return buffer;
}

template <class T>
Result<void> Exchange<T>::sum_chunk(std::size_t number) {
  const Chunk cut = chunk(own_area(), number);
  const auto mine = std::move(own_.front());
  own_.pop_front();
  if (number > 0 && cut.length == 0) return {};
  auto partials = gather(number, cut);
  if (!partials) return fail(partials.error());
  auto& own = (*partials)[static_cast<std::size_t>(hub_.self())];
  own = {reinterpret_cast<const T*>(mine.get()), mine};
  const auto result = finish(cut, *partials);
  hub_.advance();
  if (direct_ || cut.length == 0) return {};
  const Head head{.what = What::result, .kind = kind_, .call = call_, .digest = digest_, .chunk = number};
  for (int p = 0; p < hub_.processes(); ++p)
    if (p != hub_.self()) hub_.post(p, head, {}, {{bytes_of(result, cut.length * sizeof(T))}, result});
  return {};
}

template <class T>
Result<std::vector<typename Exchange<T>::Partials>> Exchange<T>::gather(std::size_t number,
                                                                        const Chunk& cut) {
  std::vector<Arrival> arrivals;
  for (int p = 0; p < hub_.processes(); ++p) {
    if (p == hub_.self()) continue;
    auto arrival = hub_.take(p, expected(number == 0 ? What::call : What::partial, number));
    if (!arrival) return fail(arrival.error());
    if (number == 0)
      if (auto met = meet(p, arrival->parsed.sums); !met) return fail(met.error());
    if (number == 0 && arrival->parsed.head.digest != digest_)
      return fail(hub_.disagreement(other_group(hub_, p)));
    arrivals.push_back(std::move(*arrival));
  }
  if (number == 0)
    if (auto joined = join_runs(); !joined) return fail(joined.error());
  std::vector<Partials> partials(peers_.size());
  for (std::size_t p = 0, next = 0; p < peers_.size(); ++p) {
    if (static_cast<int>(p) == hub_.self()) continue;
    auto payload = payload_of(static_cast<int>(p), std::move(arrivals[next++]), elements(peers_[p], cut));
    if (!payload) return fail(payload.error());
    partials[p] = std::move(*payload);
  }
  return partials;
}

template <class T>
Result<void> Exchange<T>::meet(int process, const std::vector<SumShape>& theirs) {
  if (const auto why = difference(hub_, shapes_, process, theirs); !why.empty())
    return fail(hub_.disagreement(why));
  auto& peer = peers_[static_cast<std::size_t>(process)];
  for (const auto& sum : theirs) peer.subtrees.push_back(subtrees(sum.members, sum.first, sum.count));
  met_[static_cast<std::size_t>(process)] = theirs;
  return {};
}

/// The processes' members, one behind another, must be all; then there is a tree over their partial sums.
template <class T>
Result<void> Exchange<T>::join_runs() {
  met_[static_cast<std::size_t>(hub_.self())] = shapes_;
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    if (const auto why = gap(hub_, met_, i); !why.empty()) return fail(hub_.disagreement(why));
    std::vector<Subtree> leaves;
    for (const auto& peer : peers_)
      leaves.insert(leaves.end(), peer.subtrees[i].begin(), peer.subtrees[i].end());
    trees_.emplace_back(jobs_[i].members, leaves);
  }
  return {};
}

/// Where it lies, if it lies in one piece and aligned; else a copy.
template <class T>
Result<typename Exchange<T>::Partials> Exchange<T>::payload_of(int process, Arrival arrival,
                                                               std::size_t elements) {
  const auto& message = arrival.message;
  const std::size_t size = elements * sizeof(T);
  if (message.size() != size)
    return fail(hub_.nonsense(process, fmt::format("{} bytes where chunk {} of call {} has {}",
                                                   message.size(), arrival.parsed.head.chunk, call_, size)));
  if (size == 0) return Partials{};
  const auto* at = message.parts().front().data();
  if (message.parts().size() == 1 && reinterpret_cast<std::uintptr_t>(at) % alignof(T) == 0)
    return Partials{reinterpret_cast<const T*>(at), message.owner()};
  auto copy = hub_.pool().take(size);
  message.copy_to({copy.get(), size});
  return Partials{reinterpret_cast<const T*>(copy.get()), copy};
}

/// Finishes the tree; returns the sums once more, to be sent on, where somebody waits for them.
template <class T>
typename Exchange<T>::Buffer Exchange<T>::finish(const Chunk& cut, const std::vector<Partials>& partials) {
  std::vector<std::vector<const T*>> leaves(cut.pieces.size());
  for (std::size_t p = 0; p < peers_.size(); ++p) {
    const T* at = partials[p].data;
    for (std::size_t i = 0; i < cut.pieces.size(); ++i)
      for (std::size_t k = 0; k < peers_[p].subtrees[cut.pieces[i].job].size();
           ++k, at += cut.pieces[i].length)
        leaves[i].push_back(at);
  }
  auto result = direct_ ? Buffer() : hub_.pool().take(cut.length * sizeof(T));
  auto* const to_send = reinterpret_cast<T*>(result.get());
  for (std::size_t i = 0; i < cut.pieces.size(); ++i)
    bytes_ +=
        static_cast<std::int64_t>((leaves[i].size() + (direct_ ? 1 : 3)) * cut.pieces[i].length * sizeof(T));
  spread_pieces(cut, [&](std::size_t i, std::size_t from, std::size_t until) {
    const Piece& piece = cut.pieces[i];
    const Job<T>& job = jobs_[piece.job];
    trees_[piece.job].sum(std::span<const T* const>(leaves[i]), job.out + piece.from, from, until, job.scale);
    if (to_send)
      std::memcpy(to_send + piece.at + from, job.out + piece.from + from, (until - from) * sizeof(T));
    if (then_) then_(piece.job, piece.from + from, piece.from + until);
  });
  return result;
}

template <class T>
Result<void> Exchange<T>::take_results(std::size_t number) {
  for (int p = 0; p < hub_.processes(); ++p) {
    if (p == hub_.self()) continue;
    const Chunk cut = chunk(static_cast<std::size_t>(p), number);
    if (cut.length == 0) continue;
    auto arrival = hub_.take(p, expected(What::result, number));
    if (!arrival) return fail(arrival.error());
    const auto result = payload_of(p, std::move(*arrival), cut.length);
    if (!result) return fail(result.error());
    spread_pieces(cut, [&](std::size_t i, std::size_t from, std::size_t until) {
      const Piece& piece = cut.pieces[i];
      std::memcpy(jobs_[piece.job].out + piece.from + from, result->data + piece.at + from,
                  (until - from) * sizeof(T));
      if (then_) then_(piece.job, piece.from + from, piece.from + until);
    });
    bytes_ += static_cast<std::int64_t>(2 * cut.length * sizeof(T));
    hub_.advance();
  }
  return {};
}

template class Exchange<float>;
template class Exchange<double>;
template class Exchange<std::int64_t>;

}  // namespace troupe::group

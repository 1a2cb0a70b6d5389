#include "gpu/meeting.hpp"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "base/hash.hpp"

namespace troupe {
namespace {

constexpr const char* kWhere = "collective of devices";
constexpr std::size_t kRow = 4;         // call, sums, value, digest
constexpr std::size_t kShape = 6;       // members, first, held, n, scale, all
constexpr std::size_t kMostKnown = 64;  // a job has a handful: one a stage
constexpr std::chrono::milliseconds kNap{1};

const char* text(std::int64_t call) noexcept {
  using Call = Meeting::Call;
  switch (static_cast<Call>(call)) {
    case Call::barrier:
      return "barrier";
    case Call::broadcast:
      return "broadcast";
    case Call::sum_float:
      return "sum of float";
    case Call::sum_double:
      return "sum of double";
    case Call::sum_int64:
      return "sum of int64";
    case Call::several:
      return "several sums of float";
    case Call::end:
      return "end of a sum";
    case Call::trouble:
      return "an end in trouble";
  }
  return "what is no call";
}

std::vector<std::int64_t> words_of(std::span<const CallShape> sums) {
  std::vector<std::int64_t> words;
  for (const auto& s : sums)
    for (const std::int64_t word :
         {std::int64_t{s.members}, std::int64_t{s.first}, std::int64_t{s.held},
          static_cast<std::int64_t>(s.n), static_cast<std::int64_t>(s.scale), std::int64_t{s.all}})
      words.push_back(word);
  return words;
}

CallShape shape_in(std::span<const std::int64_t> words, const char* call) {
  return {call,
          static_cast<int>(words[0]),
          static_cast<int>(words[1]),
          static_cast<int>(words[2]),
          static_cast<std::size_t>(words[3]),
          static_cast<std::uint64_t>(words[4]),
          words[5] != 0,
          0};
}

std::int64_t digest_of(const std::vector<std::int64_t>& words) {
  return static_cast<std::int64_t>(hash_bytes(words.data(), words.size() * sizeof(std::int64_t)));
}

std::string why_not(std::span<const CallShape> ranks) {
  std::vector<const CallShape*> at;
  for (const auto& shape : ranks) at.push_back(&shape);
  return mismatch(at);
}

}  // namespace

Meeting::Meeting(std::shared_ptr<Collective> host, double timeout_seconds)
    : host_(std::move(host)), timeout_(timeout_seconds) {}

std::optional<Error> Meeting::failure() const {
  if (auto failed = host_->failure()) return failed;
  const std::lock_guard lock(mutex_);
  return own_;
}

Result<void> Meeting::remembered(Error error) {
  const std::lock_guard lock(mutex_);
  if (!own_) own_ = std::move(error);
  return troupe::fail(*own_);
}

/// Every rank is a member of the sum, whose row is zero but for its own place: so the sum is all rows.
Result<std::vector<std::int64_t>> Meeting::table(std::span<const std::int64_t> row) {
  if (ranks() == 1) return std::vector<std::int64_t>(row.begin(), row.end());
  std::vector<std::int64_t> mine(row.size() * static_cast<std::size_t>(ranks())), all(mine.size());
  std::copy(row.begin(), row.end(),
            mine.begin() + static_cast<std::ptrdiff_t>(row.size()) * static_cast<std::ptrdiff_t>(rank()));
  const std::int64_t* at = mine.data();
  auto summed = host_->sum(Contribution<std::int64_t>{ranks(), rank(), {&at, 1}}, all.data(), all.size(),
                           std::int64_t{1}, true, {});
  if (!summed) return troupe::fail(summed.error());
  return all;
}

Result<void> Meeting::share(std::span<std::int64_t> words) {
  if (ranks() == 1) return {};
  const std::vector<std::int64_t> mine(words.begin(), words.end());
  const std::int64_t* at = mine.data();
  const bool gives = rank() == 0;
  auto summed =
      host_->sum(Contribution<std::int64_t>{1, gives ? 0 : 1, {&at, static_cast<std::size_t>(gives ? 1 : 0)}},
                 words.data(), words.size(), std::int64_t{1}, true, {});
  return summed ? summed : remembered(std::move(summed.error()));
}

Result<void> Meeting::come(Call call, std::span<const CallShape> sums, std::int64_t value) {
  if (auto failed = failure()) return troupe::fail(*failed);
  const std::int64_t row[kRow] = {static_cast<std::int64_t>(call), static_cast<std::int64_t>(sums.size()),
                                  value, digest_of(words_of(sums))};
  const auto rows = table(row);
  if (!rows) return remembered(rows.error());
  return agree(call, sums, *rows);
}

Result<void> Meeting::agree(Call call, std::span<const CallShape> sums,
                            const std::vector<std::int64_t>& table) {
  const auto ranks = static_cast<std::size_t>(this->ranks());
  std::vector<CallShape> calls(ranks);
  std::vector<std::int64_t> key{static_cast<std::int64_t>(call)};
  for (std::size_t r = 0; r < ranks; ++r) {
    const std::int64_t* row = &table[r * kRow];
    if (row[0] == static_cast<std::int64_t>(Call::trouble)) {
      if (call == Call::trouble) return {};
      return troupe::fail(troubled(static_cast<int>(r)));
    }
    calls[r].call = text(row[0]);
    calls[r].sums = static_cast<std::size_t>(row[1]);
    key.push_back(row[3]);
  }
  // every rank comes to it by itself: all have the same table
  if (auto why = why_not(calls); !why.empty()) return remembered(disagreement(std::move(why), kWhere));
  value_ = table[2];
  if (sums.empty()) return {};
  auto at = known_.find(key);
  if (at == known_.end()) {
    auto runs = exchange_shapes(call, sums);
    if (!runs) return troupe::fail(runs.error());
    if (known_.size() >= kMostKnown) known_.clear();  // on all ranks in the same call
    at = known_.emplace(std::move(key), std::move(*runs)).first;
  }
  runs_ = &at->second;
  return {};
}

Result<Meeting::Runs> Meeting::exchange_shapes(Call call, std::span<const CallShape> sums) {
  const auto mine = words_of(sums);
  const auto all = table(mine);
  if (!all) {
    auto failed = remembered(all.error());
    return troupe::fail(std::move(failed.error()));
  }
  Runs runs(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    std::vector<CallShape> shapes;
    for (std::size_t at = i * kShape; at < all->size(); at += mine.size()) {
      shapes.push_back(shape_in({&(*all)[at], kShape}, text(static_cast<std::int64_t>(call))));
      runs[i].push_back({shapes.back().first, shapes.back().held});
    }
    if (auto why = why_not(shapes); !why.empty()) {
      auto failed = remembered(disagreement(std::move(why), kWhere));
      return troupe::fail(std::move(failed.error()));
    }
  }
  return runs;
}

/// A rank that failed is about to say so; here, where only NCCL may have heard of it, that is waited for.
Error Meeting::troubled(int rank) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_);
  while (!host_->failure() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kNap);
  if (auto told = host_->failure()) return *told;
  host_->abort(fmt::format("rank {} did not tell why its sum failed", rank));
  return host_->failure().value_or(Error{ErrorCode::peer_failed, "a rank failed", kWhere});
}

Error Meeting::fail(const Error& mine) noexcept {
  if (!failure() && blames(mine) && ranks() > 1) (void)come(Call::trouble);
  if (auto first = failure()) return *first;
  host_->abort(mine.text());
  return failure().value_or(mine);
}

}  // namespace troupe

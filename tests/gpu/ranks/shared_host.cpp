#include "tests/gpu/ranks/shared_host.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "gpu/call_shape.hpp"
#include "tests/gpu/ranks/mapped_file.hpp"
#include "tests/gpu/ranks/own_process.hpp"

namespace troupe::test {
namespace {

constexpr int kMostRanks = 16;
constexpr std::size_t kSlot = std::size_t{256} << 10;  // bytes of one rank's members at a time
constexpr std::chrono::milliseconds kProbe{2};         // between two looks for the dead
constexpr const char* kWhere = "collective over a mapped file";
constexpr const char* kCalls[] = {"barrier", "broadcast", "sum of float", "sum of double", "sum of int64"};

struct Call {
  int kind;
  CallShape shape;  // its `call` means nothing elsewhere
  std::int64_t value;
};
struct alignas(64) Rank {
  std::atomic<std::uint64_t> come;
  std::atomic<bool> attached;
  Call calls[2];  // used in turn: nobody is two calls ahead of who still reads one
};
struct Region {
  std::atomic<int> failed;  // 1: being written, 2: told
  int code;
  char what[1'000];
  Rank ranks[kMostRanks];
  alignas(64) char slots[kMostRanks][kSlot];
};

class SharedHost final : public OwnProcess<SharedHost> {
 public:
  SharedHost(const std::string& file, int rank, int ranks, double timeout)
      : OwnProcess(rank, ranks), timeout_(timeout), file_(file, sizeof(Region)) {
    if (ranks > kMostRanks) throw std::invalid_argument("too many ranks for a mapped file");
    file_.claim(rank);
    mine().attached = true;
  }
  ~SharedHost() override {
    tell(ErrorCode::peer_failed,
         fmt::format("rank {} of {} left before the others were done", rank_, ranks_));
  }
  Result<void> barrier() override { return begin(0, {}, 0); }
  Result<std::int64_t> broadcast(std::int64_t value) override {
    if (auto met = begin(1, {}, value); !met) return fail(met.error());
    return call_of(0).value;
  }
  void abort(const std::string& reason) noexcept override {
    tell(ErrorCode::peer_failed, fmt::format("rank {} of {} failed: {}", rank_, ranks_, reason));
  }
  std::optional<Error> failure() const override {
    look_for_the_dead();
    if (region().failed.load() != 2) return std::nullopt;
    return Error{static_cast<ErrorCode>(region().code), region().what, kWhere};
  }
  std::int64_t bytes() const noexcept override { return bytes_; }
  double seconds() const noexcept override { return 0; }

 private:
  Region& region() const noexcept { return *static_cast<Region*>(file_.at()); }
  Rank& mine() const noexcept { return region().ranks[rank_]; }
  const Call& call_of(int rank) const noexcept { return region().ranks[rank].calls[calls_ % 2]; }

  void tell(ErrorCode code, const std::string& what) const noexcept {
    int none = 0;
    if (!region().failed.compare_exchange_strong(none, 1)) return;
    region().code = static_cast<int>(code);
    std::strncpy(region().what, what.c_str(), sizeof region().what - 1);
    region().failed = 2;
  }
  void look_for_the_dead() const {
    for (int r = 0; r < ranks_; ++r)
      if (r != rank_ && region().ranks[r].attached && !file_.claimed_by_another(r) && region().failed == 0)
        tell(ErrorCode::peer_missing, fmt::format("rank {} of {} is gone", r, ranks_));
  }

  /// Every rank has come as often as this one.
  Result<void> meet() {
    const auto mark = mine().come.fetch_add(1) + 1;
    const auto start = std::chrono::steady_clock::now();
    auto probed = start;
    Patience patience;
    const auto missing = [&] {
      std::vector<int> who;
      for (int r = 0; r < ranks_; ++r)
        if (region().ranks[r].come < mark) who.push_back(r);
      return who;
    };
    while (true) {
      const auto who = missing();
      if (who.empty()) return {};
      const auto now = std::chrono::steady_clock::now();
      if (region().failed == 2 || now - probed > kProbe) {
        probed = now;
        if (now - start > std::chrono::duration<double>(timeout_))
          tell(ErrorCode::peer_missing,
               fmt::format("rank {} of {} did not come in time", fmt::join(who, ", "), ranks_));
        if (auto failed = failure()) return fail(*failed);
      }
      patience.wait();
    }
  }

  Result<void> begin(int kind, const CallShape& shape, std::int64_t value) {
    if (auto failed = failure()) return fail(*failed);
    ++calls_;
    mine().calls[calls_ % 2] = {kind, shape, value};
    if (auto met = meet(); !met) return met;
    std::vector<CallShape> shapes;
    std::vector<const CallShape*> at;
    for (int r = 0; r < ranks_; ++r) {
      shapes.push_back(call_of(r).shape);
      shapes.back().call = kCalls[call_of(r).kind];
    }
    for (const auto& one : shapes) at.push_back(&one);
    const auto why = mismatch(at);
    if (why.empty()) return {};
    const auto error = disagreement(why, kWhere);
    tell(error.code, error.what + ": " + why);
    return fail(failure().value_or(error));
  }

  friend OwnProcess<SharedHost>;
  template <class T>
  Result<void> sum_any(const Contribution<T>& given, T* out, std::size_t n, T scale, bool all,
                       const ParallelFor& parallel) {
    constexpr int kKind = std::is_integral_v<T> ? 4 : sizeof(T) == sizeof(double) ? 3 : 2;  // of kCalls
    if (auto met = begin(kKind, shape_of("", given, n, scale, all), 0); !met) return met;
    int held = 1;
    for (int r = 0; r < ranks_; ++r) held = std::max(held, call_of(r).shape.held);
    const std::size_t step = kSlot / sizeof(T) / static_cast<std::size_t>(held);
    for (std::size_t at = 0; at < n; at += step)
      if (auto summed = sum_piece(given, out, at, std::min(step, n - at), scale); !summed) return summed;
    bytes_ += static_cast<std::int64_t>((given.buffers.size() + 1) * n * sizeof(T));
    try {
      spread(parallel, n, [](std::size_t, std::size_t) {});
    } catch (...) {
      const auto error = from_current_exception(kWhere);
      abort(error.text());
      return fail(error);
    }
    return all ? meet() : Result<void>();
  }
  template <class T>
  Result<void> sum_piece(const Contribution<T>& given, T* out, std::size_t at, std::size_t length, T scale) {
    T* to = reinterpret_cast<T*>(region().slots[rank_]);
    for (const T* buffer : given.buffers) to = std::copy_n(buffer + at, length, to);
    if (auto met = meet(); !met) return met;
    std::vector<const T*> members;
    for (int r = 0; r < ranks_; ++r)
      for (int m = 0; m < call_of(r).shape.held; ++m)
        members.push_back(reinterpret_cast<const T*>(region().slots[r]) +
                          static_cast<std::size_t>(m) * length);
    tree_sum(std::span<const T* const>(members), out + at, 0, length, scale);
    return meet();
  }

  const double timeout_;
  const MappedFile file_;
  std::uint64_t calls_ = 0;
  std::int64_t bytes_ = 0;
};

}  // namespace

std::shared_ptr<Collective> open_shared_host(const std::string& file, int rank, int ranks,
                                             double timeout_seconds) {
  return std::make_shared<SharedHost>(file, rank, ranks, timeout_seconds);
}

}  // namespace troupe::test

#include "gpu/cuda/nccl_collective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <thread>

#include "gpu/cuda/tree_launch.hpp"

namespace troupe::cuda {
namespace {

constexpr const char* kWhere = "NCCL collective";
constexpr std::chrono::microseconds kSpin{200}, kNap{50};  // a sum of a small bucket takes less than the spin

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class NcclSums final : public DeviceSums {
 public:
  NcclSums(NcclEnd end, const NcclCollectiveOptions& options)
      : made_(std::move(end.memory)),
        memory_(end.side ? std::move(end.side) : made_),
        library_(end.nccl),
        options_(options),
        launch_(
            *memory_, options.bucket, [this](Nccl& nccl, Comm comm) { return enqueued(nccl, comm); },
            [this](std::size_t begin, std::size_t to) { return made(begin, to); }) {
    ReduceLimits limits;
    limits.init = limits.sum = options.timeout_seconds;
    nccl_ = std::make_unique<NcclRank>(
        std::move(end.nccl), limits, std::move(end.detached),
        ReduceWatch{{}, [this](const reduce::AskRebuild& a) { trouble_ = a.reason; }});
  }
  ~NcclSums() override { stop(); }

  bool as_ready() const noexcept override { return memory_ != made_ && library_ != nullptr; }

  Result<void> add_up(Meeting& meeting, std::span<const FloatSum> sums) override {
    meeting_ = &meeting;
    if (meeting.ranks() == 1) return alone(sums);
    if (auto formed = form(); !formed) return formed;
    std::optional<Result<void>> told;
    nccl_->start({[&](Nccl& nccl, Comm comm) { return launch(&nccl, comm, sums); },
                  [this] { return memory_->passed(); },
                  [&](Result<void> r) {
                    // before the communicator is aborted, which the others would hear of first
                    if (!r && !Meeting::blames(r.error())) (void)meeting_->fail(r.error());
                    told = std::move(r);
                  }},
                 seconds_now());
    wait([&] { return told.has_value(); });
    if (!told) nccl_->stop(seconds_now());  // reports it as interrupted
    return std::move(*told);
  }

  /// The communicator is given back, or abandoned after its time: the device's next one is formed after
  /// that.
  void stop() noexcept override {
    nccl_->stop(seconds_now());
    while (nccl_->deadline()) {
      nccl_->poll(seconds_now());
      std::this_thread::sleep_for(kNap);
    }
    drain();
  }

 private:
  /// One device: the tree's kernel alone.
  Result<void> alone(std::span<const FloatSum> sums) {
    if (auto launched = launch(nullptr, {}, sums); !launched) return launched;
    for (;;) {
      const auto passed = memory_->passed();
      if (!passed) return fail(passed.error());
      if (*passed) return {};
      std::this_thread::yield();
    }
  }

  /// Gives the stream the work of a call. Runs inside a step of nccl_, which knows no exceptions.
  Result<void> launch(Nccl* nccl, Comm comm, std::span<const FloatSum> sums) {
    try {
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const FloatSum& s = sums[i];
        ready_ = &s.ready;
        auto launched =
            options_.exact || nccl == nullptr
                ? launch_.exact(nccl, comm, meeting_->rank(), meeting_->runs(i), s.mine, s.out, s.n, s.scale)
                : launch_.fast(*nccl, comm, s.mine, s.out, s.n, s.scale);
        if (!launched) return launched;
      }
    } catch (...) {
      return fail(from_current_exception(kWhere));
    }
    return memory_->mark();
  }

  /// Before a bucket is read: its elements are in the stream that makes them, and the sum's comes after it.
  Result<void> made(std::size_t begin, std::size_t to) {
    if (as_ready() && *ready_) (*ready_)(begin, to);
    return memory_ == made_ ? Result<void>() : memory_->follow(made_->stream());
  }

  /// The communicator, at the group's first sum.
  Result<void> form() {
    if (nccl_->state() == ReduceMachine::State::none && !trouble_) {
      const auto id = agreed_id();
      if (!id) return fail(id.error());
      nccl_->rebuild({1, meeting_->ranks(), meeting_->rank(), *id}, seconds_now());
    }
    wait([this] { return trouble_ || nccl_->state() == ReduceMachine::State::ready; });
    if (trouble_) return fail(*trouble_);
    if (auto failed = meeting_->failure()) return fail(*failed);
    return {};
  }
  Result<NcclId> agreed_id() {
    NcclId id;
    if (meeting_->rank() == 0) {
      const auto made = library_->make_id();
      if (!made) return made;
      id = *made;
    }
    auto words = std::bit_cast<std::array<std::int64_t, sizeof(NcclId) / sizeof(std::int64_t)>>(id);
    if (auto shared = meeting_->share(words); !shared) return fail(shared.error());
    return std::bit_cast<NcclId>(words);
  }

  /// Until `over`, or the group has failed.
  template <class F>
  void wait(const F& over) {
    const auto start = std::chrono::steady_clock::now();
    while (!over() && !meeting_->failure()) {
      nccl_->poll(seconds_now());
      if (std::chrono::steady_clock::now() - start < kSpin)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(kNap);
    }
  }

  /// A communicator that does not block takes one call after the other: what comes behind it in the stream is
  /// to be behind it.
  Result<void> enqueued(Nccl& nccl, Comm comm) {
    const double until = seconds_now() + options_.timeout_seconds;
    for (;;) {
      const auto ready = nccl.ready(comm);
      if (!ready) return fail(ready.error());
      if (*ready) return {};
      if (auto failed = meeting_->failure()) return fail(*failed);
      if (seconds_now() > until)
        return fail({ErrorCode::peer_missing, "NCCL did not start a sum in time", kWhere,
                     fmt::format("waited {:g} s", options_.timeout_seconds)});
      std::this_thread::yield();
    }
  }

  /// Nothing of the stream reads the callers' buffers any more, unless the device hangs.
  void drain() noexcept {
    const double until = seconds_now() + ReduceLimits().abort;
    if (!memory_->mark()) return;
    for (auto passed = memory_->passed(); passed && !*passed && seconds_now() < until;
         passed = memory_->passed())
      std::this_thread::sleep_for(kNap);
  }

  const std::shared_ptr<DeviceMemory> made_, memory_;  // what is summed is made; where it is summed
  const std::shared_ptr<Nccl> library_;
  const NcclCollectiveOptions options_;
  Meeting* meeting_ = nullptr;                                            // of the call
  const std::function<void(std::size_t, std::size_t)>* ready_ = nullptr;  // of the sum that is launched
  TreeLaunch launch_;
  std::unique_ptr<NcclRank> nccl_;
  std::optional<Error> trouble_;  // why there is no communicator any more
};

}  // namespace

std::shared_ptr<Collective> make_nccl_between(NcclEnd end, std::shared_ptr<Collective> host,
                                              const NcclCollectiveOptions& options) {
  return make_device_collective(std::move(host), std::make_unique<NcclSums>(std::move(end), options),
                                options.timeout_seconds);
}

Result<std::vector<std::shared_ptr<Collective>>> make_nccl(std::vector<NcclEnd> ends,
                                                           const NcclCollectiveOptions& options) {
  if (ends.empty()) return fail({ErrorCode::internal, "a group of no devices was asked for", kWhere});
  auto hosts = make_in_process(static_cast<int>(ends.size()), options.timeout_seconds);
  std::vector<std::shared_ptr<Collective>> all;
  for (std::size_t r = 0; r < ends.size(); ++r)
    all.push_back(make_nccl_between(std::move(ends[r]), std::move(hosts[r]), options));
  return all;
}

}  // namespace troupe::cuda

#pragma once
// A device of host memory with a stream that is a thread, and an NCCL that moves the bytes between such
// devices. What really needs a GPU is the time it takes.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/nccl.hpp"

namespace troupe::cuda {

/// Does what it is given one after another, on a thread of its own; all of it before it goes.
class FakeStream {
 public:
  FakeStream() : thread_([this] { run(); }) {}
  ~FakeStream() {
    give({});
    thread_.join();
  }
  void give(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    more_.notify_one();
  }
  Stream handle() noexcept { return Stream{reinterpret_cast<std::uintptr_t>(this)}; }
  static FakeStream& of(Stream stream) { return *reinterpret_cast<FakeStream*>(stream.value); }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      more_.wait(lock, [this] { return !work_.empty(); });
      const auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      if (!work) return;
      work();
    }
  }
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> work_;
  std::thread thread_;
};

class HostMemory final : public DeviceMemory {
 public:
  std::atomic<int> live{0};  // allocations
  bool full = false;

  Stream stream() const noexcept override { return stream_->handle(); }
  Result<void*> allocate(Bytes bytes) override {
    if (full) return fail({ErrorCode::no_capacity, "out of memory", "fake"});
    ++live;
    return std::malloc(static_cast<std::size_t>(bytes.count));
  }
  void free(void* at) noexcept override {
    stream_->give([this, at] {
      std::free(at);
      --live;
    });
  }
  Result<void> tree_sum(const TreeLeaves& l, float* out, std::size_t n, float scale) override {
    return add<float>(l, out, n, scale);
  }
  Result<void> copy(void* to, const void* from, Bytes bytes) override {
    stream_->give([=] { std::memcpy(to, from, static_cast<std::size_t>(bytes.count)); });
    return {};
  }
  Result<void> follow(Stream other) override {
    const auto come = std::make_shared<std::promise<void>>();
    const auto there = come->get_future().share();
    FakeStream::of(other).give([come] { come->set_value(); });
    stream_->give([there] { there.wait(); });
    return {};
  }
  Result<void> mark() override {
    auto passed = std::make_shared<std::atomic<bool>>(false);
    passed_ = passed;
    stream_->give([passed] { *passed = true; });
    return {};
  }
  Result<bool> passed() override { return passed_->load(); }
  /// Waits until the stream has done what it was given: memory is given back in its order.
  void settle() {
    const auto done = std::make_shared<std::promise<void>>();
    auto settled = done->get_future();
    stream_->give([done] { done->set_value(); });
    settled.wait();
  }

 private:
  template <class T>
  Result<void> add(const TreeLeaves& leaves, T* out, std::size_t n, T scale) {
    stream_->give([=] {
      for (std::size_t i = 0; i < n; ++i) out[i] = tree_times(tree_element<T>(leaves, i), scale);
    });
    return {};
  }
  std::shared_ptr<std::atomic<bool>> passed_ = std::make_shared<std::atomic<bool>>(true);
  std::unique_ptr<FakeStream> stream_ = std::make_unique<FakeStream>();  // goes first: its work is done then
};

/// Ranks of one world find each other; a call of theirs is done in their streams, when all have made it.
struct MovingWorld {
  struct Call {
    std::map<int, const float*> in;
    int left = 0;
  };
  struct Meeting {
    int ranks = 0;
    std::set<int> came;
    bool broken = false;
    std::map<int, Call> calls;
  };
  struct Member {
    std::shared_ptr<Meeting> meeting;
    int rank = 0, calls = 0;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::shared_ptr<Meeting>> meetings;
  std::map<std::uintptr_t, Member> comms;  // live ones
  std::uintptr_t next = 0;
  int gathers = 0, reduces = 0;
  std::string fail_name;  // the next call of this name fails
};

/// Runs what may hang on threads of its own, and waits for them.
class FakeThreads {
 public:
  ~FakeThreads() {
    for (auto& thread : all_) thread.join();
  }
  void run(std::function<void()> f) {
    const std::lock_guard lock(mutex_);
    all_.emplace_back(std::move(f));
  }

 private:
  std::mutex mutex_;
  std::vector<std::thread> all_;
};

class MovingNccl final : public Nccl {
 public:
  explicit MovingNccl(std::shared_ptr<MovingWorld> world) : world_(std::move(world)) {}

  Result<int> version() override { return 22809; }
  Result<NcclId> make_id() override {
    const std::lock_guard lock(world_->mutex);
    NcclId id;
    const auto text = std::to_string(++world_->next);
    std::copy(text.begin(), text.end(), id.bytes.begin());
    return id;
  }
  Result<Comm> start_init(int ranks, int rank, const NcclId& id) override {
    const std::lock_guard lock(world_->mutex);
    if (failing("init")) return fail({ErrorCode::internal, "init failed, as the test wants", "fake"});
    auto& meeting = world_->meetings[std::string(id.bytes.data())];
    if (!meeting) meeting = std::make_shared<MovingWorld::Meeting>();
    meeting->ranks = ranks;
    meeting->came.insert(rank);
    world_->comms[++world_->next] = {meeting, rank, 0};
    return Comm{world_->next};
  }
  Result<bool> ready(Comm comm) override {
    const std::lock_guard lock(world_->mutex);
    const auto& meeting = *world_->comms.at(comm.value).meeting;
    if (meeting.broken) return fail({ErrorCode::peer_failed, "a rank aborted", "fake"});
    return static_cast<int>(meeting.came.size()) == meeting.ranks;
  }
  Result<void> all_reduce(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return together("all_reduce", comm, in, stream, [in, out, n](const MovingWorld::Call& call) {
      std::vector<float> sum(n);
      for (auto it = call.in.rbegin(); it != call.in.rend(); ++it)  // an order that is not the tree's
        for (std::size_t i = 0; i < n; ++i) sum[i] += it->second[i];
      return std::function<void()>([out, sum = std::move(sum)] { std::copy(sum.begin(), sum.end(), out); });
    });
  }
  Result<void> all_gather(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return together("all_gather", comm, in, stream, [out, n](const MovingWorld::Call& call) {
      std::size_t at = 0;
      for (const auto& [rank, from] : call.in) std::memcpy(out + n * at++, from, n * sizeof(float));
      return std::function<void()>([] {});
    });
  }
  Result<Comm> start_shrink(Comm, std::span<const int>) override {
    return fail({ErrorCode::not_found, "this one can't", "fake"});
  }
  Result<void> abort(Comm comm) override {
    const std::lock_guard lock(world_->mutex);
    world_->comms.at(comm.value).meeting->broken = true;
    world_->comms.erase(comm.value);
    world_->changed.notify_all();
    return {};
  }

 private:
  /// `move` reads what all brought, while all hold still; what it returns is done when all have read.
  using Move = std::function<std::function<void()>(const MovingWorld::Call&)>;
  Result<void> together(const char* name, Comm comm, const float* in, Stream stream, Move move) {
    const std::lock_guard lock(world_->mutex);
    if (failing(name))
      return fail({ErrorCode::internal, std::string(name) + " failed, as the test wants", "fake"});
    ++(std::string(name) == "all_gather" ? world_->gathers : world_->reduces);
    auto& member = world_->comms.at(comm.value);
    const int number = member.calls++;
    FakeStream::of(stream).give(
        [world = world_, meeting = member.meeting, rank = member.rank, number, in, move = std::move(move)] {
          std::unique_lock wait(world->mutex);
          auto& call = meeting->calls[number];
          call.in[rank] = in;
          world->changed.notify_all();
          const auto all = static_cast<std::size_t>(meeting->ranks);
          world->changed.wait(wait, [&] { return meeting->broken || call.in.size() == all; });
          if (meeting->broken) return;
          const auto then = move(call);
          ++call.left;
          world->changed.notify_all();
          world->changed.wait(wait, [&] { return meeting->broken || call.left == meeting->ranks; });
          if (!meeting->broken) then();
        });
    return {};
  }
  bool failing(const std::string& name) {
    if (name != world_->fail_name) return false;
    world_->fail_name.clear();
    return true;
  }
  const std::shared_ptr<MovingWorld> world_;
};

}  // namespace troupe::cuda

#pragma once
// An NCCL whose ranks are processes without GPUs: elements go through a mapped file, in the order of the
// ranks' streams. As NCCL it can't tell that a process was killed: who waits for it waits until aborted.
#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>

#include "tests/gpu/fake_device.hpp"
#include "tests/gpu/ranks/mapped_file.hpp"

namespace troupe::cuda {

class SharedNccl final : public Nccl {
 public:
  /// `name`: of this process, in `folder`. Where there is a file "stall-NAME" its next call never comes to
  /// be, and a file "stalled-NAME" says so.
  SharedNccl(std::string folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}

  Result<int> version() override { return 22809; }
  Result<NcclId> make_id() override {
    NcclId id;
    const std::string text = "nccl-" + std::to_string(::getpid()) + "-" + std::to_string(++ids_);
    std::copy(text.begin(), text.end(), id.bytes.begin());
    return id;
  }
  Result<Comm> start_init(int ranks, int rank, const NcclId& id) override {
    const std::lock_guard lock(mutex_);
    auto member = std::make_shared<Member>(folder_ + "/" + id.bytes.data(), ranks, rank);
    member->region().came.fetch_add(1);
    comms_[++next_] = std::move(member);
    return Comm{next_};
  }
  Result<bool> ready(Comm comm) override {
    const auto member = of(comm);
    if (!member) return fail({ErrorCode::internal, "not a communicator", "fake"});
    return member->region().came == member->ranks;
  }
  Result<void> all_reduce(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return together(comm, in, n, stream, [out, n](Member& member) {
      for (std::size_t i = 0; i < n; ++i) {
        float sum = 0;
        for (int r = member.ranks; r-- > 0;) sum += member.region().elements[r][i];  // not the tree's order
        out[i] = sum;
      }
    });
  }
  Result<void> all_gather(Comm comm, const float* in, float* out, std::size_t n, Stream stream) override {
    return together(comm, in, n, stream, [out, n](Member& member) {
      for (int r = 0; r < member.ranks; ++r)
        std::copy_n(member.region().elements[r], n, out + n * static_cast<std::size_t>(r));
    });
  }
  Result<Comm> start_shrink(Comm, std::span<const int>) override {
    return fail({ErrorCode::not_found, "this one can't", "fake"});
  }
  Result<void> abort(Comm comm) override {
    const std::lock_guard lock(mutex_);
    comms_.at(comm.value)->aborted = true;
    comms_.erase(comm.value);
    return {};
  }

 private:
  static constexpr int kMostRanks = 8;
  static constexpr std::size_t kElements = std::size_t{1} << 18;
  struct Region {
    std::atomic<int> came;
    std::atomic<int> brought[kMostRanks], taken[kMostRanks];  // calls
    float elements[kMostRanks][kElements];
  };
  struct Member {
    Member(const std::string& path, int of, int number)
        : file(path, sizeof(Region)), ranks(of), rank(number) {}
    Region& region() { return *static_cast<Region*>(file.at()); }
    /// False: aborted.
    bool all(const std::atomic<int>* counts, int least) {
      test::Patience patience;
      for (int r = 0; r < ranks; ++r)
        while (counts[r] < least) {
          if (aborted) return false;
          patience.wait();
        }
      return true;
    }
    test::MappedFile file;
    const int ranks, rank;
    int calls = 0;
    std::atomic<bool> aborted{false};
  };

  std::shared_ptr<Member> of(Comm comm) {
    const std::lock_guard lock(mutex_);
    const auto it = comms_.find(comm.value);
    return it == comms_.end() ? nullptr : it->second;
  }
  bool stalls() const { return std::filesystem::exists(folder_ + "/stall-" + name_); }
  template <class Move>
  Result<void> together(Comm comm, const float* in, std::size_t n, Stream stream, Move move) {
    const auto member = of(comm);
    if (!member || n > kElements) return fail({ErrorCode::internal, "no such call", "fake"});
    FakeStream::of(stream).give([this, member, in, n, number = ++member->calls, move] {
      auto& region = member->region();
      if (stalls()) {
        test::MappedFile(folder_ + "/stalled-" + name_, 1);
        while (!member->aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return;
      }
      std::copy_n(in, n, region.elements[member->rank]);
      region.brought[member->rank] = number;
      if (!member->all(region.brought, number)) return;
      move(*member);
      region.taken[member->rank] = number;
      (void)member->all(region.taken, number);
    });
    return {};
  }

  const std::string folder_, name_;
  std::mutex mutex_;
  std::map<std::uintptr_t, std::shared_ptr<Member>> comms_;
  std::uintptr_t next_ = 0;
  int ids_ = 0;
};

}  // namespace troupe::cuda

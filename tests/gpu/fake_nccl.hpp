#pragma once
// An NCCL without GPUs: ranks of one World find each other, sums are done when every rank has called, any
// call may be made to fail, an abort may hang, a rank may never come. Every communicator is counted.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gpu/cuda/nccl.hpp"

namespace troupe::cuda {

struct NcclWorld {
  struct Meeting {
    int ranks = 0;
    std::set<int> came;
    std::string broken;                 // the text that its ranks get; empty: whole
    std::map<int, std::set<int>> sums;  // by number: the ranks that called
  };
  struct Member {
    std::string meeting;
    int rank = 0;
    int sums = 0;
  };
  std::map<std::string, Meeting> meetings;
  std::map<std::uintptr_t, Member> comms;  // live ones
  std::uintptr_t next = 0;
  int misused = 0;         // calls on communicators that are not live, second ids of a rank
  bool peers_see = false;  // an abort is seen by the others as an error, else they hang

  bool done(const std::string& meeting, int sum) const {
    const auto& m = meetings.at(meeting);
    const auto it = m.sums.find(sum);
    return m.broken.empty() && it != m.sums.end() && static_cast<int>(it->second.size()) == m.ranks;
  }
};

class FakeNccl final : public Nccl {
 public:
  explicit FakeNccl(std::shared_ptr<NcclWorld> of) : world(std::move(of)) {}

  std::shared_ptr<NcclWorld> world;
  std::string fail_name;  // calls of this name fail …
  int fail_times = 0;     // … as often

  Result<int> version() override { return 22809; }
  Result<NcclId> make_id() override {
    NcclId id;
    id.bytes[0] = static_cast<char>('a' + world->next++ % 26);
    return id;
  }
  Result<Comm> start_init(int ranks, int rank, const NcclId& id) override {
    if (failing("init")) return refused("init");
    return join(std::string(id.bytes.begin(), id.bytes.end()), ranks, rank);
  }
  Result<bool> ready(Comm comm) override {
    const auto* m = member(comm);
    if (m == nullptr) return fail({ErrorCode::internal, "not a communicator", "fake"});
    if (failing("ready")) return fail({ErrorCode::peer_failed, "remote error", "fake"});
    const auto& meeting = world->meetings.at(m->meeting);
    if (!meeting.broken.empty()) return fail({ErrorCode::peer_failed, meeting.broken, "fake"});
    return static_cast<int>(meeting.came.size()) == meeting.ranks;
  }
  Result<void> all_reduce(Comm comm, const float*, float*, std::size_t, Stream) override { return sum(comm); }
  Result<void> all_gather(Comm comm, const float*, float*, std::size_t, Stream) override { return sum(comm); }
  Result<Comm> start_shrink(Comm parent, std::span<const int> without) override {
    if (failing("shrink")) return refused("shrink");
    const auto* m = member(parent);
    if (m == nullptr) return fail({ErrorCode::internal, "not a communicator", "fake"});
    std::string name = m->meeting + " without";
    int before = 0;
    for (const int r : without) {
      name += " " + std::to_string(r);
      before += r < m->rank ? 1 : 0;
    }
    return join(name, world->meetings.at(m->meeting).ranks - static_cast<int>(without.size()),
                m->rank - before);
  }
  Result<void> abort(Comm comm) override {
    const auto* m = member(comm);
    if (m == nullptr) return fail({ErrorCode::internal, "not a communicator", "fake"});
    if (world->peers_see) world->meetings.at(m->meeting).broken = "a rank aborted";
    world->comms.erase(comm.value);
    if (failing("abort")) return fail({ErrorCode::internal, "abort failed", "fake"});
    return {};
  }

 private:
  bool failing(const std::string& name) { return name == fail_name && fail_times > 0 && fail_times-- > 0; }
  static Result<Comm> refused(const std::string& name) {
    return fail({ErrorCode::internal, name + " failed, as the test wants", "fake"});
  }
  NcclWorld::Member* member(Comm comm) {
    const auto it = world->comms.find(comm.value);
    if (it != world->comms.end()) return &it->second;
    ++world->misused;
    return nullptr;
  }
  Result<Comm> join(const std::string& name, int ranks, int rank) {
    auto& meeting = world->meetings[name];
    meeting.ranks = ranks;
    if (!meeting.came.insert(rank).second) ++world->misused;
    world->comms[++world->next] = {name, rank, 0};
    return Comm{world->next};
  }
  Result<void> sum(Comm comm) {
    if (failing("sum")) return fail({ErrorCode::internal, "sum failed, as the test wants", "fake"});
    auto* m = member(comm);
    if (m == nullptr) return fail({ErrorCode::internal, "not a communicator", "fake"});
    world->meetings.at(m->meeting).sums[m->sums++].insert(m->rank);
    return {};
  }
};

}  // namespace troupe::cuda

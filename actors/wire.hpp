#pragma once
// What head and nodes say to each other: JSON text, the same on both sides. Decoders throw what nlohmann's
// JSON throws, or ErrorException, for what makes no sense: callers answer with that.
#include <nlohmann/json.hpp>

#include "actors/protocol.hpp"
#include "gpu/device_slice.hpp"
#include "transport/reply.hpp"

namespace troupe::wire {

using Json = nlohmann::json;

/// What a node says of itself when it joins.
struct Card {
  std::string name;
  std::string version;
  std::uint64_t incarnation = 0;  // of its process
  int cores = 0;
  Bytes memory;
  std::string instruction_set;
  PeerAddress plane;
  std::map<std::string, std::string> copies;  // jobs that it holds copies of, and the run of each
  std::vector<GpuDevice> gpus;                // but who makes slices of them
};
/// What the head answers.
struct Welcome {
  double failure_timeout_seconds = 30;
  PeerAddress plane;  // the head's: a node that does not know it would refuse it
  std::string run;    // its identity: copies of another one's jobs are dropped
};

Json to_json(const Card& m);
Json to_json(const Welcome& m);
Json to_json(const OpenFollower& m);
Json to_json(const FollowerOpened& m);
Json to_json(const HoldShare& m);
Json to_json(const ShareTaken& m);
Json to_json(const FollowLease& m);
Json to_json(const LeaseEnd& m);
Json to_json(const AskRows& m);
Json to_json(const TailRows& m);
Json to_json(const StopLease& m);
Json to_json(const MoveState& m);
Json to_json(const ProbeLink& m);
Json to_json(const Probed& m);
Json to_json(const Outcome& m);
Json to_json(const StepsDone& m);

void from_json(const Json& j, Card& m);
void from_json(const Json& j, Welcome& m);
void from_json(const Json& j, OpenFollower& m);
void from_json(const Json& j, FollowerOpened& m);
void from_json(const Json& j, HoldShare& m);
void from_json(const Json& j, ShareTaken& m);
void from_json(const Json& j, FollowLease& m);
void from_json(const Json& j, LeaseEnd& m);
void from_json(const Json& j, AskRows& m);
void from_json(const Json& j, TailRows& m);
void from_json(const Json& j, StopLease& m);
void from_json(const Json& j, MoveState& m);
void from_json(const Json& j, ProbeLink& m);
void from_json(const Json& j, Probed& m);
void from_json(const Json& j, Outcome& m);
void from_json(const Json& j, StepsDone& m);

template <class T>
T decode(const Json& j) {
  T m;
  from_json(j, m);
  return m;
}

}  // namespace troupe::wire

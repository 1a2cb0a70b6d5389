#pragma once
// A node without a head in it: joins one, serves its orders, and comes back to it when the connection broke.
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "gpu/device_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/process_sum.hpp"
#include "train/program.hpp"
#include "transport/control_link.hpp"

namespace troupe {

struct NodeProcessOptions {
  std::string cluster;  // its name, where there are no keys
  NodeConfig node;      // its name; where its data plane listens
  ControlAddress head;  // with the keys, where the cluster has any
  std::filesystem::path runs;
  CpuDevice device;             // already cut to the node's cores and memory
  std::vector<GpuDevice> gpus;  // that the node offers
  std::map<std::string, ProgramFactory> kinds;
  std::function<void()> thread_setup;
  MakeProcessSum make_fast;                     // sums of jobs with reduction = "fast"; none: they fail
  double failure_timeout_seconds = 30;          // until the head has told its own
  std::function<void(const std::string&)> say;  // what happens, for people; any thread
  Log log;
};

class NodeProcess {
 public:
  /// Errors: bad_config, io: the data plane's address.
  static Result<std::unique_ptr<NodeProcess>> start(NodeProcessOptions options);
  ~NodeProcess();
  /// Knocks at the head once; blocking. Errors: not_connected (try again later), and those that will not mend
  /// by themselves: wrong_version, bad_config (keys, or the head does not take this node).
  Result<void> join();
  /// Has the head take this node out of its plans; returns when its jobs have left it, or after `seconds`.
  void leave(double seconds);
  /// Whether the head was heard of late.
  bool joined() const;
  /// Where its data plane listens.
  const std::string& endpoint() const;

 private:
  struct Impl;
  explicit NodeProcess(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe

#pragma once
// Processes full of nodes that compute nothing. Each node is a whole one (its actor system, its connection to
// the head, its data plane), but for its cores, which are none.
#include <sys/types.h>

#include <string>
#include <vector>

namespace troupe::bench {

class NodeHost {
 public:
  /// Forks: before any thread is started.
  NodeHost(std::string prefix, int nodes, int cores, double failure_timeout);
  ~NodeHost();
  NodeHost(NodeHost&& other) noexcept;
  NodeHost(const NodeHost&) = delete;

  /// Starts all its nodes and has them join the head at this port; joined() waits for it.
  void begin_joining(int port, const std::string& runs);
  bool joined();
  /// Takes one of its nodes down as a crash of its process would; the time (now()) at which that began.
  double drop(int node);
  /// A new process of that name.
  bool join_again(int node);
  void kill();

  std::string name(int node) const { return prefix_ + std::to_string(node); }
  int nodes() const { return nodes_; }

 private:
  [[noreturn]] void serve(int cores, double failure_timeout);
  double ask(char what, int node);

  std::string prefix_;
  int nodes_ = 0;
  int to_ = -1, from_ = -1;
  pid_t process_ = -1;
};

}  // namespace troupe::bench

#pragma once
// Collectives whose ranks are processes, for a test that is one process: each end hands its calls to the
// process of its rank (worker.hpp), elements and all.
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "gpu/collective.hpp"
#include "tests/gpu/ranks/wire.hpp"

namespace troupe::test {

/// One process, killed when this goes.
class RankProcess {
 public:
  RankProcess(const std::vector<std::string>& command, const std::vector<std::string>& environment);
  ~RankProcess();
  RankProcess(const RankProcess&) = delete;
  RankProcess& operator=(const RankProcess&) = delete;
  pid_t pid() const noexcept { return pid_; }
  void kill();
  /// What it answers; nothing: it is gone.
  std::optional<Message> ask(const Message& message) const;
  std::optional<Message> ask_aside(const Message& message);
  int call_socket() const noexcept { return call_; }

 private:
  pid_t pid_ = -1;
  int call_ = -1, aside_ = -1;
  std::mutex mutex_;
};

/// The processes of a test, started when they are first needed and kept for its other groups.
class RankProcesses {
 public:
  struct Command {
    std::vector<std::string> words, environment;  // "NAME=value", beside this process's own
  };
  /// `folder`: the processes' files. `command`: of process number 0, 1, …
  RankProcesses(std::string folder, std::function<Command(int number)> command)
      : folder_(std::move(folder)), command_(std::move(command)) {}

  /// The ends of a new group, of these processes; no other group of theirs may be alive. `way`: GroupOrder's.
  std::vector<std::shared_ptr<Collective>> make(const std::vector<int>& processes, double timeout_seconds,
                                                const std::string& way);
  RankProcess& process(int number);

 private:
  const std::string folder_;
  const std::function<Command(int)> command_;
  std::vector<std::shared_ptr<RankProcess>> all_;
  int groups_ = 0;
};

}  // namespace troupe::test

#pragma once
// A sum over processes that a library makes in an order of its own: what a group of ranks hands its sums of
// float to where a job asked for reduction = "fast".
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {

/// Short texts that the processes of a group leave for each other, by way of what they speak by already.
class Notes {
 public:
  virtual ~Notes() = default;
  /// For every process, this one included. Any thread.
  virtual void put(const std::string& key, const std::string& value) = 0;
  /// Waits until it is there. Errors: the group's own, at once when it fails or goes; peer_missing after
  /// `seconds`. Any thread.
  virtual Result<std::string> get(const std::string& key, double seconds) = 0;
};

struct ProcessSumOptions {
  int self = 0, processes = 1;
  std::string address;          // of this process, by which the others reach it
  double timeout_seconds = 30;  // a connection, or a sum on which nothing moves, fails after it
  std::shared_ptr<Notes> notes;
  std::vector<int> cpus;  // that the library's threads run on; none: those of who starts the first sum
};

/// One process's end. Every process starts the same sums in the same order, one after another; all get the
/// same bits, whatever the order in which they were added.
class ProcessSum {
 public:
  /// Does not wait: a sum under way is left to its end, which comes within the timeout.
  virtual ~ProcessSum() = default;
  /// Adds up all processes' `data`, n elements, in place. Returns at once, and holds `data` for as long
  /// as it is in use. `done` is called once, on any thread, maybe after this object has gone.
  using Done = std::function<void(Result<void>)>;
  virtual void start(std::shared_ptr<float> data, std::size_t n, Done done) = 0;
};

/// Makes the end of a group's process; does not wait for the others.
using MakeProcessSum = std::function<std::unique_ptr<ProcessSum>(const ProcessSumOptions&)>;

}  // namespace troupe

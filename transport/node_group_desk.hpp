#pragma once
// Where a group and the threads of a library that sums for it meet: notes to the other processes, and the end
// of a sum. It outlives both, as what the library was asked for may end long after the group is gone.
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "gpu/process_sum.hpp"

namespace troupe::group {

/// All of it: any thread.
class Desk final : public Notes {
 public:
  using Send = std::function<void(const std::string& key, const std::string& value)>;
  explicit Desk(Send send) : send_(std::move(send)) {}

  // -- for the library
  void put(const std::string& key, const std::string& value) override;
  Result<std::string> get(const std::string& key, double seconds) override;
  void end(std::uint64_t sum, Result<void> result);

  // -- for the group
  /// A note of another process; false where that has left too many.
  bool came(std::string key, std::string value);
  /// The result of the sum with that number, as soon as it ends; nothing where it has not after `seconds`.
  /// Error: the desk is closed.
  Result<std::optional<Result<void>>> wait(std::uint64_t sum, double seconds);
  /// Waits until it is closed, `seconds` at most; true where it is.
  bool wait_closed(double seconds);
  /// Wakes all who wait, with this error; the first one stays.
  void close(const Error& error);
  /// Nothing is sent any more when it returns.
  void retire();

 private:
  std::mutex send_mutex_;  // of send_, which may come back with close()
  std::mutex mutex_;       // of what follows but send_
  std::condition_variable changed_;
  Send send_;
  std::map<std::string, std::string> notes_;
  std::map<std::uint64_t, Result<void>> ended_;
  std::optional<Error> closed_;
};

}  // namespace troupe::group

#pragma once
// Processes of this very program that are told by line what to do and answer by line.
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::cuda::check {

/// Not copied, not moved: owned by pointer. Ends with its standard input.
class Child {
 public:
  /// `command`: program and arguments. Errors: io.
  static Result<std::unique_ptr<Child>> start(const std::vector<std::string>& command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Result<void> tell(const std::string& line);
  /// The rest of its next line that begins with `word` and a space; other lines are passed over. Errors:
  /// peer_failed where it ended, peer_missing where it takes longer than `seconds`.
  Result<std::string> hear(const std::string& word, double seconds);

 private:
  Child() = default;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
  std::string read_;
};

}  // namespace troupe::cuda::check

#pragma once
// What operators take and give on this machine's processor, each measured once and kept.
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace troupe::meta {

/// A tensor that an operator returned.
struct Shape {
  bool defined = false;
  int type = 0;   // c10::ScalarType
  int same = -1;  // this argument itself
  int view = -1;  // a view of this argument
  std::int64_t offset = 0;
  std::int64_t bytes = 0;  // of its storage: some are larger than what they show
  std::vector<std::int64_t> sizes, strides;
};

/// One call.
struct Call {
  std::int64_t peak =
      0;  // at most, beyond what was held before, results included: bytes as an Account is charged
  std::vector<Shape> results;
  std::vector<int> per_return;  // -1: one tensor; else a list of so many
};

/// By operator, arguments' shapes and layouts, threads. Why not formulas: a backend's scratch depends on
/// instruction set, version, threads and shape, and on which backend was chosen; formulas for all of them
/// would be another program, and wrong on the next machine. Thread-safe.
class Measured {
 public:
  std::optional<Call> find(const std::string& key) const;
  void keep(const std::string& key, Call call);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Call> known_;
};

}  // namespace troupe::meta

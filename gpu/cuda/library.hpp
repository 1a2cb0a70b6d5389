#pragma once
// A shared library that is looked for at run time: the driver and NCCL are there on machines with a GPU
// alone.
#include <memory>
#include <string>

#include "base/error.hpp"

namespace troupe::cuda {

/// Stays loaded: the driver and NCCL have threads of their own, which outlive the last call.
class Library {
 public:
  /// not_found, with the loader's own words.
  static Result<std::shared_ptr<Library>> open(const std::string& name);
  ~Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  /// Null where there is none.
  void* symbol(const char* name) const noexcept;

 private:
  explicit Library(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace troupe::cuda

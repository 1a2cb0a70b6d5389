#pragma once
// What `troupe doctor` looks at outside the process. Real ones here, made-up ones in tests.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {

/// A folder or a file, as this user may use it.
struct PlaceFacts {
  bool there = false, folder = false, readable = false, writable = false;
  std::filesystem::path nearest;  // itself, or the folder above it that is there
  Bytes free;                     // on the disk of `nearest`
};

struct DoctorProbes {
  /// Numeric addresses of a name. Error not_found.
  std::function<Result<std::vector<std::string>>(const std::string& name)> resolve;
  /// Whether a server could listen there now; port 0: at the address at all. Error io, with the system's
  /// reason.
  std::function<Result<void>(const std::string& address, int port)> listen;
  /// Seconds that a TCP connection took. Error not_connected.
  std::function<Result<double>(const std::string& host, int port)> reach;
  std::function<PlaceFacts(const std::filesystem::path&)> place;
  /// Mode bits of a file; 0 where it is not there.
  std::function<unsigned(const std::filesystem::path&)> mode;
  /// Descriptors that this process may have at most.
  std::function<std::int64_t()> descriptors;
  /// Monotonic seconds.
  std::function<double()> now;
};

DoctorProbes real_probes();

}  // namespace troupe

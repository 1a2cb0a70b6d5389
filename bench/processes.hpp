#pragma once
// For benches of several processes.
#include <fmt/core.h>

#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace troupe::bench {

/// The value; an error ends this process, whose parent then misses it.
template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "bench: {}\n", result.error().text());
    std::_Exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// An endpoint on tcp's loopback whose port was free a moment ago.
std::string some_port();

}  // namespace troupe::bench

#pragma once
// Work of a command below which anything may throw: what was thrown becomes its error.
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace troupe {

/// What `work` returns, a Result; `command` says where it was thrown.
template <class Work>
std::invoke_result_t<Work> caught(const char* command, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return fail(from_current_exception(command));
  }
}

}  // namespace troupe

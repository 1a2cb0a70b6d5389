#pragma once
// LibTorch's exceptions end here.
#include <c10/util/Exception.h>

#include "base/error.hpp"

namespace troupe::cuda {

/// no_capacity: the device has no memory left; the Error that was thrown; else `internal` with LibTorch's
/// words, without its stack.
template <class F>
Result<void> guarded(const F& f) noexcept {
  const char* const where = "LibTorch on the GPU";
  try {
    f();
    return {};
  } catch (const ErrorException& e) {
    return fail(e.error());
  } catch (const c10::OutOfMemoryError& e) {
    return fail({ErrorCode::no_capacity, e.what_without_backtrace(), where});
  } catch (const c10::Error& e) {
    return fail({ErrorCode::internal, e.what_without_backtrace(), where});
  } catch (...) {
    return fail(from_current_exception(where));
  }
}

}  // namespace troupe::cuda

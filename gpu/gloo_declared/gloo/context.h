#pragma once
// LibTorch's library holds Gloo and exports it, and its ProcessGroupGloo.hpp includes Gloo's headers; but the
// package does not ship those. The headers in this folder declare what that one header wants to see of Gloo,
// and no more. Every object of these classes is made, used and destroyed inside LibTorch: here they are only
// passed on behind shared pointers, so neither their size nor their virtual tables matter. A distribution's
// own headers of Gloo would do no better: they are of another version than the library inside LibTorch, and
// next to them stands a second libgloo whose symbols have the same names.
#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo

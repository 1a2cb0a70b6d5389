#pragma once
// A TCP connection that is given up after a while.
#include <string>

#include "base/descriptor.hpp"
#include "base/error.hpp"

namespace troupe {
/// Connects to a name or an address; the socket does not block. Error not_connected.
Result<Descriptor> tcp_connect(const std::string& host, int port, double timeout_seconds);
}  // namespace troupe

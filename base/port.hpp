#pragma once
// Why a port can't be had, in the same words for every server of a cluster.
#include <string>

#include "base/error.hpp"

namespace troupe {
/// To be called when listening on `port` of `address` (IPv4 or IPv6) has failed: finds the system's reason by
/// trying once more. Error bad_config (exit 2): the number stands in the configuration under `key`, where the
/// user can change it. `allowed` and the hint tell what else may stand there.
Error cannot_listen(int port, const std::string& key, const std::string& allowed,
                    const std::string& address = "127.0.0.1");
/// Where a server that is bound to `listen` is asked from its own machine: there, or, if that is all of the
/// machine's addresses, on loopback.
std::string asked_locally_at(const std::string& listen);
}  // namespace troupe

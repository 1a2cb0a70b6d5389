#pragma once
// The data plane of a process that is a node, as its configuration says.
#include "transport/data_plane.hpp"
#include "transport/keys.hpp"

namespace troupe {
struct NodePlaneOptions {
  std::string node, cluster;  // names
  std::string address;        // of this machine
  int port = 0;
  std::shared_ptr<const Keys> keys;  // null: unencrypted, loopback alone
  double failure_timeout_seconds = 30;
  Log log;
};
/// Errors: bad_config (an address that needs keys), io (address or port can't be had).
Result<std::shared_ptr<DataPlane>> start_node_plane(const NodePlaneOptions& options);
}  // namespace troupe

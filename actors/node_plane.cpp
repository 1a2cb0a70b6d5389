#include "actors/node_plane.hpp"

#include <algorithm>

namespace troupe {

Result<std::shared_ptr<DataPlane>> start_node_plane(const NodePlaneOptions& o) {
  DataPlaneOptions plane;
  plane.name = o.node;
  plane.cluster = o.keys ? o.keys->cluster : o.cluster;
  const bool six = o.address.find(':') != std::string::npos;
  plane.bind = "tcp://" + (six ? "[" + o.address + "]" : o.address) + ":" + std::to_string(o.port);
  if (o.keys) plane.keys = CurveKeys{o.keys->card.curve, o.keys->curve_secret.reveal()};
  plane.unencrypted = !o.keys;
  plane.failure_timeout = std::clamp(o.failure_timeout_seconds, 0.2, 3600.0);
  plane.log = o.log;
  auto started = DataPlane::start(std::move(plane));
  if (started) return std::shared_ptr<DataPlane>(std::move(*started));
  Error error = started.error();
  error.where = "node " + o.node + ", node.address and node.data_port";
  return fail(error);
}

}  // namespace troupe

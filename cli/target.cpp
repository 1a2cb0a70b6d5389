#include "cli/target.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/config.hpp"
#include "cli/run_folder.hpp"
#include "cli/text.hpp"

namespace troupe {

Result<int> resolve_port(const Target& target, const Services& services) {
  if (target.port) return *target.port;
  if (!target.run.empty()) {
    const int port = member<int>(read_control(target.run), "port", 0);
    if (port > 0) return port;
    return fail({ErrorCode::not_connected, "no cluster runs in this folder", target.run.string(),
                 "no control.json that names a port", "",
                 fmt::format("`troupe resume {}` goes on with it", target.run.string())});
  }
  const auto given = services.environment("TROUPE_PORT");
  if (!given || given->empty()) return ClusterConfig{}.port;
  int port = 0;
  const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), port);
  if (error == std::errc() && end == given->data() + given->size() && port >= 1 && port <= 65535) return port;
  return fail(
      {ErrorCode::bad_usage, "not a port", "TROUPE_PORT", *given, "1 … 65535", "Unset it, or give --port"});
}

Result<Request> connect(const Target& target, const Services& services) {
  const auto port = resolve_port(target, services);
  if (!port) return fail(port.error());
  auto request = services.connect(*port);
  if (request || request.error().code != ErrorCode::not_connected) return request;
  Error error = request.error();
  if (error.hint.empty())
    error.hint = "Start one with `troupe up cluster.toml`, or name another with --port or --run";
  return fail(error);
}

}  // namespace troupe

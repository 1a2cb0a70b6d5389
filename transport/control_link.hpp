#pragma once
// The loopback link between the `troupe` command and a running cluster, over CAF. caf::io stands in this
// folder alone. Requests and replies are JSON text: a command of another version can still be told so.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"

namespace caf {
class actor_system;
class actor_system_config;
}  // namespace caf

namespace troupe {

/// The client's end. Blocking; one thread.
class ControlClient {
 public:
  /// Errors: not_connected (nothing listens there, or what listens is no troupe), wrong_version (names both).
  static Result<std::unique_ptr<ControlClient>> connect(int port, double timeout_seconds = 3);
  ~ControlClient();
  /// The verbs of actors/control.hpp. An Error of the cluster comes back as that Error.
  Result<nlohmann::json> request(const std::string& verb, const nlohmann::json& arguments,
                                 double timeout_seconds = 30);

 private:
  struct Impl;
  explicit ControlClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

nlohmann::json error_to_json(const Error& error);
Error error_from_json(const nlohmann::json& json);

}  // namespace troupe

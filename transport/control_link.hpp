#pragma once
// The link between the `troupe` command and a running cluster, over CAF: plain on loopback, TLS with keys.
// caf::io stands in this folder alone. Requests and replies are JSON text: a command of another version can
// still be told so.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"
#include "transport/keys.hpp"
#include "transport/reply.hpp"

namespace caf {
class actor_system;
class actor_system_config;
}  // namespace caf

namespace troupe {

/// Where a cluster is.
struct ControlAddress {
  std::string host = "127.0.0.1";  // a name or an address
  int port = 0;
  std::shared_ptr<const Keys> keys;  // null: plain, which a cluster speaks on loopback alone
};
/// "127.0.0.1:4470", "[::1]:4470"
std::string to_string(const ControlAddress& address);

/// The client's end. Blocking; one thread.
class ControlClient {
 public:
  /// Errors: not_connected (nothing listens there, or what listens is no troupe), wrong_version (names both),
  /// bad_config (one side does not accept the other's key: says which and why).
  static Result<std::unique_ptr<ControlClient>> connect(const ControlAddress& address,
                                                        double timeout_seconds = 3);
  static Result<std::unique_ptr<ControlClient>> connect(int port, double timeout_seconds = 3) {
    return connect(ControlAddress{.port = port}, timeout_seconds);
  }
  ~ControlClient();
  /// The verbs of actors/control.hpp. An Error of the cluster comes back as that Error.
  Result<nlohmann::json> request(const std::string& verb, const nlohmann::json& arguments,
                                 double timeout_seconds = 30);

 private:
  struct Impl;
  explicit ControlClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe

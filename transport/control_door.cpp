#include "transport/control_door.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include "base/seconds.hpp"
#include "base/version.hpp"
#include "transport/control_words.hpp"
#include "transport/tls_middleman.hpp"

namespace troupe {

struct ControlDoor::Tls {
  caf::io::middleman_actor middleman;
};

Error nobody_there(const ControlAddress& address, const std::string& why) {
  Error error{.code = ErrorCode::not_connected, .what = why, .where = to_string(address)};
  error.hint = address.keys
                   ? "Is it up there? A cluster says where it listens when it starts"
                   : "start one with `troupe up cluster.toml`, or name its port with --port; one that has "
                     "keys is reached with --keys or --run";
  return error;
}

namespace {

std::string own_key(const Keys& keys) {
  return "key of " + keys.card.name + ", cluster " + keys.cluster.substr(0, 8) + "…";
}

Error cluster_refuses(TlsRefusal why, const ControlAddress& address) {
  Error error{.code = ErrorCode::bad_config, .where = to_string(address), .given = own_key(*address.keys)};
  error.hint = "Ask for a key where the cluster's were made: `troupe keys add DIR NAME`";
  switch (why) {
    case TlsRefusal::expired:
      error.what = "the cluster refuses this key: it is expired";
      error.hint = "Renew it where the cluster's keys were made: `troupe keys add DIR " +
                   address.keys->card.name + " --renew`";
      break;
    case TlsRefusal::other_authority:
      error.what = "the cluster refuses this key: it is another cluster's";
      break;
    default:
      error.what = "the cluster refuses this key";
  }
  return error;
}

Error refuses_cluster(TlsRefusal why, const ControlAddress& address) {
  Error error{.code = ErrorCode::bad_config, .where = to_string(address), .given = own_key(*address.keys)};
  error.hint = "Nothing was told to it. Are host and port right, and the keys this cluster's?";
  switch (why) {
    case TlsRefusal::expired:
      error.what = "what answers there shows an expired key";
      error.hint = "Renew the cluster's key (`troupe keys add DIR head --renew`) and start it anew";
      break;
    case TlsRefusal::not_yet_valid:
      error.what = "what answers there shows a key that is not valid yet: is this machine's clock right?";
      break;
    case TlsRefusal::wrong_role:
      error.what = "what answers there shows a user's key, with which no cluster may be served";
      break;
    default:
      error.what = "what answers there holds no key of this cluster";
  }
  return error;
}

/// Why a connection over TLS did not come about.
Error no_connection(const ConnectTrouble::Seen& seen, const ControlAddress& address) {
  if (!seen.unreachable.empty()) return nobody_there(address, seen.unreachable);
  if (seen.by_peer) return cluster_refuses(seen.refusal, address);
  switch (seen.refusal) {
    case TlsRefusal::none:
      return nobody_there(address, "no cluster answers there");
    case TlsRefusal::no_tls:
    case TlsRefusal::broken_off:
      return nobody_there(address,
                          "what answers there does not speak TLS, or broke off: no cluster with keys");
    default:
      return refuses_cluster(seen.refusal, address);
  }
}

/// The gate's handle, or null. Asked of the middleman's actor and not by remote_actor(), which would wait for
/// ever for a stranger's handshake.
caf::actor find_gate(caf::actor_system& system, const caf::io::middleman_actor& middleman,
                     const ControlAddress& address, double timeout) {
  caf::actor found;
  caf::scoped_actor self(system);
  self->request(middleman, microseconds(timeout), caf::connect_atom::value, address.host,
                static_cast<std::uint16_t>(address.port))
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& door, const std::set<std::string>&) {
            if (door) found = caf::actor_cast<caf::actor>(door);
          },
          [](caf::error&) {});
  return found;
}

Result<void> check_version(caf::actor_system& system, const caf::actor& gate, const ControlAddress& address,
                           double timeout) {
  Error wrong{.code = ErrorCode::wrong_version, .where = to_string(address), .allowed = kVersion};
  bool same = false;
  caf::scoped_actor self(system);
  self->request(gate, microseconds(timeout), hello_word::value, std::string(kVersion))
      .receive(
          [&](const std::string& version) {
            same = version == kVersion;
            wrong.what = "the cluster is of another version";
            wrong.given = version;
            wrong.hint = "use the command of that version";
          },
          [&](caf::error&) { wrong.what = "what answers there is no troupe of this version"; });
  if (!same) return fail(wrong);
  return {};
}

}  // namespace

Result<ControlDoor> open_control_door(caf::actor_system& system, const ControlAddress& address,
                                      double timeout) {
  if (address.port < 1 || address.port > 65535)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "no such port",
                 .given = std::to_string(address.port),
                 .allowed = "1 … 65535"});
  ControlDoor door;
  auto trouble = std::make_shared<ConnectTrouble>();
  if (address.keys) {
    auto context = TlsContext::make(*address.keys);
    if (!context) return fail(context.error());
    door.tls = std::make_shared<ControlDoor::Tls>();
    door.tls->middleman = spawn_tls_middleman(system, {*context, nullptr, trouble, timeout});
  }
  door.gate =
      find_gate(system, door.tls ? door.tls->middleman : system.middleman().actor_handle(), address, timeout);
  auto usable = door.gate ? check_version(system, door.gate, address, timeout)
                          : Result<void>(fail(no_connection(trouble->get(), address)));
  if (usable) return door;
  close_control_door(system, door);
  return fail(usable.error());
}

void close_control_door(caf::actor_system& system, ControlDoor& door) {
  door.gate = nullptr;
  if (door.tls) end_tls_middleman(system, door.tls->middleman);
  door = {};
}

}  // namespace troupe

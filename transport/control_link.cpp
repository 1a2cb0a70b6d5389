#include "transport/control_link.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <future>

#include "base/version.hpp"
#include "transport/control_gate.hpp"
#include "transport/control_words.hpp"
#include "transport/tls_middleman.hpp"

namespace troupe {
namespace {

struct LinkConfig : caf::actor_system_config {
  LinkConfig() {
    set("scheduler.max-threads", static_cast<size_t>(1));
    set("scheduler.policy", caf::atom("sharing"));
    load_transport(*this);
  }
};

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Error nobody(const ControlAddress& address, const std::string& why) {
  Error error{.code = ErrorCode::not_connected, .what = why, .where = to_string(address)};
  error.hint = address.keys
                   ? "Is it up there? A cluster says where it listens when it starts"
                   : "start one with `troupe up cluster.toml`, or name its port with --port; one that has "
                     "keys is reached with --keys or --run";
  return error;
}

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
  if (!seen.unreachable.empty()) return nobody(address, seen.unreachable);
  if (seen.by_peer) return cluster_refuses(seen.refusal, address);
  switch (seen.refusal) {
    case TlsRefusal::none:
      return nobody(address, "no cluster answers there");
    case TlsRefusal::no_tls:
    case TlsRefusal::broken_off:
      return nobody(address, "what answers there does not speak TLS, or broke off: no cluster with keys");
    default:
      return refuses_cluster(seen.refusal, address);
  }
}

/// The cluster's text, or why there is none.
using Answer = std::promise<tl::expected<std::string, std::string>>;

/// One question. Asks with an eye on the connection: a request alone waits for its timeout when the cluster
/// is gone.
void asker(caf::event_based_actor* self, const caf::actor& gate, const std::string& verb,
           const std::string& arguments, std::chrono::milliseconds timeout,
           const std::shared_ptr<Answer>& answer) {
  const auto why = [self](const caf::error& e) {
    return e ? self->home_system().render(e) : std::string("it ended");  // an empty error can't be rendered
  };
  const auto give = [self, answer](tl::expected<std::string, std::string> what) {
    answer->set_value(std::move(what));
    self->quit();
  };
  self->monitor(gate);
  self->set_down_handler([why, give](caf::down_msg& down) { give(tl::unexpected(why(down.reason))); });
  self->request(gate, timeout, ask_word::value, verb, arguments)
      .then([give](const std::string& reply) { give(reply); },
            [why, give](caf::error& e) { give(tl::unexpected(why(e))); });
}

}  // namespace

struct ControlClient::Impl {
  ControlAddress address;
  LinkConfig config;
  caf::actor_system system{config};
  caf::io::middleman_actor tls;  // with keys
  std::shared_ptr<ConnectTrouble> trouble = std::make_shared<ConnectTrouble>();
  caf::actor gate;

  explicit Impl(ControlAddress a) : address(std::move(a)) {}
  ~Impl() {
    gate = nullptr;
    end_tls_middleman(system, tls);
  }

  Result<void> prepare(double timeout_seconds) {
    if (!address.keys) return {};
    auto context = TlsContext::make(*address.keys);
    if (!context) return fail(context.error());
    tls = spawn_tls_middleman(system, {*context, nullptr, trouble, timeout_seconds});
    return {};
  }

  /// The gate's handle, or null. Asked of the middleman's actor and not by remote_actor(), which would wait
  /// for ever for a stranger's handshake.
  caf::actor find_gate(double timeout_seconds) {
    caf::actor found;
    caf::scoped_actor self(system);
    self->request(tls ? tls : system.middleman().actor_handle(), milliseconds(timeout_seconds),
                  caf::connect_atom::value, address.host, static_cast<std::uint16_t>(address.port))
        .receive(
            [&](const caf::node_id&, caf::strong_actor_ptr& door, const std::set<std::string>&) {
              if (door) found = caf::actor_cast<caf::actor>(door);
            },
            [](caf::error&) {});
    return found;
  }
};

ControlClient::ControlClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlClient::~ControlClient() = default;

Result<std::unique_ptr<ControlClient>> ControlClient::connect(const ControlAddress& address,
                                                              double timeout_seconds) {
  if (address.port < 1 || address.port > 65535)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "no such port",
                 .given = std::to_string(address.port),
                 .allowed = "1 … 65535"});
  auto impl = std::make_unique<Impl>(address);
  if (auto ready = impl->prepare(timeout_seconds); !ready) return fail(ready.error());
  impl->gate = impl->find_gate(timeout_seconds);
  if (!impl->gate) return fail(no_connection(impl->trouble->get(), address));
  Error wrong{.code = ErrorCode::wrong_version, .where = to_string(address), .allowed = kVersion};
  bool same = false;
  caf::scoped_actor self(impl->system);
  self->request(impl->gate, milliseconds(timeout_seconds), hello_word::value, std::string(kVersion))
      .receive(
          [&](const std::string& version) {
            same = version == kVersion;
            wrong.what = "the cluster is of another version";
            wrong.given = version;
            wrong.hint = "use the command of that version";
          },
          [&](caf::error&) { wrong.what = "what answers there is no troupe of this version"; });
  if (!same) return fail(wrong);
  return std::unique_ptr<ControlClient>(new ControlClient(std::move(impl)));
}

Result<nlohmann::json> ControlClient::request(const std::string& verb, const nlohmann::json& arguments,
                                              double timeout_seconds) {
  auto answer = std::make_shared<Answer>();
  auto reply = answer->get_future();
  impl_->system.spawn(asker, impl_->gate, verb, arguments.dump(), milliseconds(timeout_seconds), answer);
  const auto got = reply.get();
  if (got) return unwrap_reply(*got);
  return fail(nobody(impl_->address, "the cluster went away while it was asked (" + got.error() + ")"));
}

std::string to_string(const ControlAddress& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

nlohmann::json error_to_json(const Error& e) {
  return {{"code", static_cast<int>(e.code)},
          {"what", e.what},
          {"where", e.where},
          {"given", e.given},
          {"allowed", e.allowed},
          {"hint", e.hint}};
}

Error error_from_json(const nlohmann::json& j) {
  const int code = j.value("code", static_cast<int>(ErrorCode::internal));
  return {.code = code >= 0 && code <= static_cast<int>(ErrorCode::internal) ? static_cast<ErrorCode>(code)
                                                                             : ErrorCode::internal,
          .what = j.value("what", ""),
          .where = j.value("where", ""),
          .given = j.value("given", ""),
          .allowed = j.value("allowed", ""),
          .hint = j.value("hint", "")};
}

}  // namespace troupe

#include "transport/control_link.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <future>

#include "base/version.hpp"
#include "transport/control_gate.hpp"
#include "transport/control_words.hpp"

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

Error nobody(int port, const std::string& why) {
  return {.code = ErrorCode::not_connected,
          .what = why,
          .where = "127.0.0.1:" + std::to_string(port),
          .hint = "start one with `troupe up cluster.toml`, or name its port with --port"};
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
  int port;
  LinkConfig config;
  caf::actor_system system{config};
  caf::actor gate;
  explicit Impl(int p) : port(p) {}
};

ControlClient::ControlClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlClient::~ControlClient() = default;

Result<std::unique_ptr<ControlClient>> ControlClient::connect(int port, double timeout_seconds) {
  if (port < 1 || port > 65535)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "no such port",
                 .given = std::to_string(port),
                 .allowed = "1 … 65535"});
  auto impl = std::make_unique<Impl>(port);
  caf::scoped_actor self(impl->system);
  Result<std::unique_ptr<ControlClient>> result = fail(nobody(port, "no cluster answers there"));
  // asked of the middleman's actor and not by remote_actor(), which would wait for ever for a stranger's
  // handshake
  self->request(impl->system.middleman().actor_handle(), milliseconds(timeout_seconds),
                caf::connect_atom::value, std::string("127.0.0.1"), static_cast<std::uint16_t>(port))
      .receive(
          [&](const caf::node_id&, caf::strong_actor_ptr& door, const std::set<std::string>&) {
            if (door) impl->gate = caf::actor_cast<caf::actor>(door);
          },
          [&](caf::error&) {});
  if (!impl->gate) return result;
  self->request(impl->gate, milliseconds(timeout_seconds), hello_word::value, std::string(kVersion))
      .receive(
          [&](const std::string& version) {
            if (version == kVersion)
              result = std::unique_ptr<ControlClient>(new ControlClient(std::move(impl)));
            else
              result = fail({.code = ErrorCode::wrong_version,
                             .what = "the cluster is of another version",
                             .where = "127.0.0.1:" + std::to_string(port),
                             .given = version,
                             .allowed = kVersion,
                             .hint = "use the command of that version"});
          },
          [&](caf::error&) {
            result = fail({.code = ErrorCode::wrong_version,
                           .what = "what answers there is no troupe of this version",
                           .where = "127.0.0.1:" + std::to_string(port),
                           .allowed = kVersion});
          });
  return result;
}

Result<nlohmann::json> ControlClient::request(const std::string& verb, const nlohmann::json& arguments,
                                              double timeout_seconds) {
  auto answer = std::make_shared<Answer>();
  auto reply = answer->get_future();
  impl_->system.spawn(asker, impl_->gate, verb, arguments.dump(), milliseconds(timeout_seconds), answer);
  const auto got = reply.get();
  if (got) return unwrap_reply(*got);
  return fail(nobody(impl_->port, "the cluster went away while it was asked (" + got.error() + ")"));
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

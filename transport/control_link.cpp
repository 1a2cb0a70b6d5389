#include "transport/control_link.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <future>

#include "base/seconds.hpp"
#include "transport/control_door.hpp"
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

/// The cluster's text, or why there is none.
using Answer = std::promise<tl::expected<std::string, std::string>>;

/// One question. Asks with an eye on the connection: a request alone waits for its timeout when the cluster
/// is gone.
void asker(caf::event_based_actor* self, const caf::actor& gate, const std::string& verb,
           const std::string& arguments, std::chrono::microseconds timeout,
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
  ControlDoor door;

  explicit Impl(ControlAddress a) : address(std::move(a)) {}
  ~Impl() { close_control_door(system, door); }
};

ControlClient::ControlClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlClient::~ControlClient() = default;

Result<std::unique_ptr<ControlClient>> ControlClient::connect(const ControlAddress& address,
                                                              double timeout_seconds) {
  auto impl = std::make_unique<Impl>(address);
  auto door = open_control_door(impl->system, address, timeout_seconds);
  if (!door) return fail(door.error());
  impl->door = std::move(*door);
  return std::unique_ptr<ControlClient>(new ControlClient(std::move(impl)));
}

Result<nlohmann::json> ControlClient::request(const std::string& verb, const nlohmann::json& arguments,
                                              double timeout_seconds) {
  auto answer = std::make_shared<Answer>();
  auto reply = answer->get_future();
  impl_->system.spawn(asker, impl_->door.gate, verb, arguments.dump(), microseconds(timeout_seconds), answer);
  const auto got = reply.get();
  if (got) return unwrap_reply(*got);
  return fail(nobody_there(impl_->address, "the cluster went away while it was asked (" + got.error() + ")"));
}

std::string to_string(const ControlAddress& address) {
  const bool six = address.host.find(':') != std::string::npos;
  return (six ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace troupe

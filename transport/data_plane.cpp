#include "transport/data_plane.hpp"

#include <sys/eventfd.h>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>

#include "transport/incarnation.hpp"
#include "transport/plane_endpoint.hpp"
#include "transport/plane_thread.hpp"

namespace troupe {
namespace {

Error bad_option(std::string what, std::string given, std::string allowed) {
  return {.code = ErrorCode::bad_config,
          .what = std::move(what),
          .where = "data plane",
          .given = std::move(given),
          .allowed = std::move(allowed)};
}

Result<void> check_name(const std::string& name, const std::string& what) {
  const bool printable =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  if (printable && !name.empty() && name.size() <= wire::kNameLimit) return {};
  return fail(bad_option(what, "\"" + name + "\"",
                         "1 to " + std::to_string(wire::kNameLimit) + " printable characters"));
}

Result<void> check_bytes(const std::string& what, Bytes given, Bytes least, Bytes most) {
  if (given >= least && given <= most) return {};
  return fail(bad_option(what, to_string(given), to_string(least) + " to " + to_string(most)));
}

Result<void> check_local(const std::string& endpoint) {
  if (plane::is_local(endpoint)) return {};
  auto error = bad_option("without encryption the data plane stays on this machine", endpoint,
                          "ipc://PATH, or tcp:// with 127.0.0.1, [::1] or localhost");
  error.hint = "give it keys: `troupe keys init` makes them";
  return fail(error);
}

Result<void> check_limits(const DataPlaneOptions& options) {
  if (!(options.failure_timeout >= 0.2 && options.failure_timeout <= 3600))
    return fail(
        bad_option("failure_timeout", std::to_string(options.failure_timeout) + " s", "0.2 s to 3600 s"));
  if (auto good = check_bytes("window", options.window, mib(1), gib(64)); !good) return good;
  if (auto good = check_bytes("piece", options.piece, kib(64), mib(64)); !good) return good;
  if (!(options.retry_first >= 0.01 && options.retry_first <= 3600))
    return fail(bad_option("retry_first", std::to_string(options.retry_first) + " s", "0.01 s to 3600 s"));
  if (options.channels < 1 || options.channels > 1'000'000)
    return fail(bad_option("channels", std::to_string(options.channels), "1 to 1000000"));
  return {};
}

Result<void> check(const DataPlaneOptions& options) {
  if (auto good = check_name(options.name, "the process's name"); !good) return good;
  if (auto good = check_name(options.cluster, "the cluster's id"); !good) return good;
  if (auto good = plane::check_endpoint(options.bind); !good) return good;
  if (auto good = check_limits(options); !good) return good;
  if (options.keys && options.unencrypted)
    return fail(bad_option("keys are given, and that nothing is encrypted", "both", "one of the two"));
  if (options.keys) return check_curve_keys(*options.keys, "data plane of " + options.name);
  if (options.unencrypted) return check_local(options.bind);
  return fail(
      bad_option("the data plane has no keys", "none", "a CURVE key pair, or unencrypted on this machine"));
}

/// What is bound by a socket that can do both is told as IPv6: [::ffff:127.0.0.1] is 127.0.0.1.
std::string plain(const std::string& endpoint) {
  const std::string mapped = "tcp://[::ffff:";
  const auto end = endpoint.find("]:");
  if (endpoint.rfind(mapped, 0) != 0 || end == std::string::npos) return endpoint;
  return "tcp://" + endpoint.substr(mapped.size(), end - mapped.size()) + endpoint.substr(end + 1);
}

/// Signals are for other threads.
template <class F>
std::thread quiet_thread(F run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Bytes max_message(Bytes window) {
  return {static_cast<std::int64_t>(plane::message_limit(static_cast<std::uint64_t>(window.count)))};
}

struct DataPlane::Impl {
  DataPlaneOptions options;
  std::shared_ptr<plane::Core> core;
  std::unique_ptr<plane::PlaneThread> sockets;
  std::string endpoint;
  std::thread thread;
  std::mutex ensuring;
  std::map<std::string, PeerAddress> ensured;

  void run() {
    try {
      sockets->run();
    } catch (const std::exception& e) {
      if (options.log) options.log->error("data plane: {} ends: {}", options.name, e.what());
    }
    core->stop();  // nobody waits for a thread that is gone
  }
};

DataPlane::DataPlane(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<DataPlane>> DataPlane::start(DataPlaneOptions options) {
  if (auto good = check(options); !good) return fail(good.error());
  if (options.incarnation == 0) options.incarnation = new_incarnation();
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  const auto& given = impl->options;
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0)
    return fail({.code = ErrorCode::io, .what = "no event descriptor can be had", .hint = "see ulimit -n"});
  impl->core = std::make_shared<plane::Core>(given, std::move(wake));
  try {
    impl->sockets = std::make_unique<plane::PlaneThread>(given, given.incarnation, impl->core);
    impl->endpoint = plain(impl->sockets->endpoint());
  } catch (const zmq::error_t& e) {
    return fail({.code = ErrorCode::io,
                 .what = std::string("the data plane can't listen: ") + e.what(),
                 .where = given.name,
                 .given = given.bind,
                 .hint = "give it another address or port"});
  }
  auto* running = impl.get();
  impl->thread = quiet_thread([running] { running->run(); });
  return std::unique_ptr<DataPlane>(new DataPlane(std::move(impl)));
}

DataPlane::~DataPlane() {
  impl_->core->stop();
  impl_->thread.join();
}

const std::string& DataPlane::endpoint() const { return impl_->endpoint; }
std::uint64_t DataPlane::incarnation() const { return impl_->options.incarnation; }

Result<void> DataPlane::add_peer(const PeerAddress& peer) {
  const auto& options = impl_->options;
  if (auto good = check_name(peer.name, "a peer's name"); !good) return good;
  if (peer.name == options.name)
    return fail(bad_option("a peer has this process's own name", peer.name, "another one"));
  if (auto good = plane::check_endpoint(peer.endpoint); !good) return good;
  if (!options.keys) {
    if (auto good = check_local(peer.endpoint); !good) return good;
  } else if (auto good = check_curve_key(peer.public_key, "peer " + peer.name); !good) {
    return good;
  }
  return impl_->core->add_peer(peer);
}

Result<void> DataPlane::ensure_peer(const PeerAddress& peer) {
  const std::lock_guard lock(impl_->ensuring);
  const auto known = impl_->ensured.find(peer.name);
  if (known != impl_->ensured.end() && known->second == peer) {
    impl_->core->retry(peer.name);
    return {};
  }
  if (known != impl_->ensured.end()) impl_->core->remove_peer(peer.name);
  auto added = add_peer(peer);
  if (added) impl_->ensured[peer.name] = peer;
  return added;
}

void DataPlane::remove_peer(const std::string& name) {
  const std::lock_guard lock(impl_->ensuring);
  impl_->ensured.erase(name);
  impl_->core->remove_peer(name);
}

Result<void> DataPlane::wait_for(const std::string& peer, double timeout) {
  return impl_->core->wait_for(peer, timeout);
}

Result<Channel> DataPlane::open(const std::string& peer, std::uint32_t number, Priority priority) {
  auto end = impl_->core->open(peer, number, priority);
  if (!end) return fail(end.error());
  return Channel(impl_->core, std::move(*end));
}

PlaneStatistics DataPlane::statistics() const { return impl_->core->statistics(); }

}  // namespace troupe

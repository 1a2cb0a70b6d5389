#pragma once
// A cluster's end of the control link in this process, and sockets that are none.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/version.hpp"
#include "transport/control_gate.hpp"
#include "transport/control_link.hpp"
#include "transport/control_words.hpp"

namespace troupe {

constexpr double kSoon = 0.3;  // seconds a client waits for one that will never speak

struct SystemConfig : caf::actor_system_config {
  SystemConfig() { load_transport(*this); }
};

/// What stands behind a cluster's gate: says what it was asked, refuses "fail", answers nonsense to "rave".
inline caf::behavior target() {
  return {[](const std::string& verb, const std::string& arguments) -> std::string {
            if (verb == "rave") return "no JSON at all";
            if (verb == "fail")
              return nlohmann::json{{"error", error_to_json({ErrorCode::not_found, "no such job", "job gam",
                                                             "gam", "gan", "look"})}}
                  .dump();
            return nlohmann::json{{"ok", {{"verb", verb}, {"arguments", nlohmann::json::parse(arguments)}}}}
                .dump();
          },
          [](join_word, const std::string& card, const caf::actor&) { return "let in: " + card; }};
}

/// What a gate says it refused; any thread.
class Refused {
 public:
  void add(const std::string& reason, std::int64_t count) {
    const std::lock_guard lock(mutex_);
    counts_[reason] += count;
    changed_.notify_all();
  }
  /// Waits until so many were refused for a reason; what was told so far otherwise, after a minute.
  std::map<std::string, std::int64_t> until(const std::string& reason, std::int64_t count = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::minutes(1), [&] { return counts_[reason] >= count; });
    return counts_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::int64_t> counts_;
};

/// A cluster's end in this process.
struct Server {
  SystemConfig config;
  caf::actor_system system{config};
  caf::actor behind = system.spawn(target);
  std::shared_ptr<Refused> refused = std::make_shared<Refused>();
  Result<ControlGate> gate = fail({});
  explicit Server(int port = 0, const std::string& version = kVersion)
      : Server(GateOptions{.port = port, .version = version}) {}
  explicit Server(GateOptions options) {
    options.refused = [told = refused](const std::string& reason, std::int64_t count) {
      told->add(reason, count);
    };
    gate = open_control_gate(system, options, behind);
  }
  ~Server() {
    if (gate) close_control_gate(system, *gate);
    caf::anon_send_exit(behind, caf::exit_reason::user_shutdown);
    gate = fail({});
  }
  int port() const { return gate->port; }
};

/// A socket that listens on loopback and is no troupe: takes one connection and says `greeting`.
class Stranger {
 public:
  explicit Stranger(const std::string& greeting = "") {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 8) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      ADD_FAILURE() << "no port on loopback";
    port_ = ntohs(address.sin_port);
    if (greeting.empty()) return;
    speaker_ = std::thread([this, greeting] {
      const int other = ::accept(fd_, nullptr, nullptr);
      (void)!::write(other, greeting.data(), greeting.size());
      ::close(other);
    });
  }
  ~Stranger() {
    ::shutdown(fd_, SHUT_RDWR);
    if (speaker_.joinable()) speaker_.join();
    ::close(fd_);
  }
  int port() const { return port_; }

 private:
  int fd_ = -1, port_ = 0;
  std::thread speaker_;
};

}  // namespace troupe

#pragma once
// Data planes that know each other, on this machine.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transport/data_plane.hpp"

namespace troupe::test {

/// For what happens at once unless it never does.
constexpr double kGenerous = 60;

struct Process {
  std::string name;
  CurveKeys keys;
  std::unique_ptr<DataPlane> plane;

  PeerAddress address() const { return {name, plane->endpoint(), keys.public_key}; }
};

inline CurveKeys new_keys() {
  auto keys = make_curve_keys();
  if (!keys) throw std::runtime_error(keys.error().text());
  return *keys;
}

inline DataPlaneOptions options_of(const std::string& name, const CurveKeys& keys) {
  DataPlaneOptions options;
  options.name = name;
  options.cluster = "test";
  options.keys = keys;
  options.failure_timeout = 10;
  return options;
}

using Change = std::function<void(DataPlaneOptions&)>;

inline Process start(const std::string& name, const Change& change = {}) {
  Process process{name, new_keys(), {}};
  auto options = options_of(name, process.keys);
  if (change) change(options);
  auto plane = DataPlane::start(options);
  if (!plane) throw std::runtime_error(plane.error().text());
  process.plane = std::move(*plane);
  return process;
}

inline void introduce(Process& one, Process& other) {
  for (auto& [from, to] : {std::pair(&one, &other), std::pair(&other, &one)}) {
    const auto added = from->plane->add_peer(to->address());
    if (!added) throw std::runtime_error(added.error().text());
  }
}

/// Two processes a and b, connected.
struct Pair {
  Process a, b;
  explicit Pair(const Change& change = {}) : a(start("a", change)), b(start("b", change)) {
    introduce(a, b);
    for (auto& [from, to] : {std::pair(&a, "b"), std::pair(&b, "a")}) {
      const auto up = from->plane->wait_for(to, kGenerous);
      if (!up) throw std::runtime_error(up.error().text());
    }
  }
};

inline Channel open(Process& process, const std::string& peer, std::uint32_t number,
                    Priority priority = Priority::state) {
  auto channel = process.plane->open(peer, number, priority);
  if (!channel) throw std::runtime_error(channel.error().text());
  return std::move(*channel);
}

inline PeerStatistics of_peer(const Process& process, const std::string& peer) {
  for (auto& one : process.plane->statistics().peers)
    if (one.name == peer) return one;
  return {};
}

/// Looks again until `holds`; for what other threads bring about, and tests can't wait for otherwise.
template <class Holds>
bool eventually(Holds holds) {
  for (int i = 0; i < static_cast<int>(kGenerous * 1000); ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

/// Memory with a pattern in it that counts how often it was let go of.
struct Pattern {
  std::shared_ptr<std::vector<std::byte>> bytes;
  explicit Pattern(std::size_t size, std::uint32_t seed = 1)
      : bytes(std::make_shared<std::vector<std::byte>>(size)) {
    std::uint32_t x = seed;
    for (auto& byte : *bytes) {
      x = x * 1664525 + 1013904223;
      byte = static_cast<std::byte>(x >> 24);
    }
  }
  Payload payload() const { return {{*bytes}, bytes}; }
};

inline std::vector<std::byte> flat(const Message& message) {
  std::vector<std::byte> all(message.size());
  EXPECT_TRUE(message.copy_to(all));
  return all;
}

/// The next message; a failed test and an empty one where there is none.
inline std::optional<Message> next(Channel& channel) {
  auto message = channel.receive(kGenerous);
  EXPECT_TRUE(message) << message.error().text();
  if (!message) return std::nullopt;
  EXPECT_TRUE(message->has_value()) << "nothing came";
  return *message;
}

}  // namespace troupe::test

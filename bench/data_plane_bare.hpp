#pragma once
// What the data plane is measured against: the same kinds of sockets with nothing around them, no credit, one
// frame a message, nothing copied on send.
#include <memory>
#include <string>
#include <vector>

#include "transport/curve_keys.hpp"

namespace troupe::bench {

struct BareLink {
  std::string endpoint;
  bool encrypted = false;
  CurveKeys keys;         // of both sides
  std::size_t ahead = 0;  // messages that may be under way
};

/// Binds a ROUTER and takes messages until the process ends; a message of one byte is sent back.
void bare_receiver(const BareLink& link);

class BareSender {
 public:
  explicit BareSender(const BareLink& link);
  ~BareSender();
  /// Sends the same memory so many times and waits until all of it has come.
  void send(const std::shared_ptr<std::vector<std::byte>>& memory, int messages);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe::bench

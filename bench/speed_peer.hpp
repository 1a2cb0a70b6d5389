#pragma once
// A Python peer that lives as long as the bench and waits, blocked, while it is not its turn.
#include <sys/types.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace troupe::bench {

class Peer {
 public:
  explicit Peer(const std::vector<std::string>& command);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  /// Sends a line, waits for the line of JSON that answers it. Throws std::runtime_error where the peer died.
  nlohmann::json ask(const std::string& line);

 private:
  pid_t child_ = -1;
  FILE *in_ = nullptr, *out_ = nullptr;
};

Peer eager_peer();
Peer ddp_peer();

}  // namespace troupe::bench

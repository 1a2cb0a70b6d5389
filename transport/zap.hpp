#pragma once
// Who is let in: ZeroMQ asks for each CURVE key that connects (ZAP, rfc.zeromq.org/spec/27).
#include <map>
#include <string>
#include <zmq.hpp>

namespace troupe::plane {

class Doorkeeper {
 public:
  static constexpr const char* kDomain = "troupe";

  /// Must stand before the first socket of the context is bound.
  explicit Doorkeeper(zmq::context_t& context);
  /// False where another peer has that key.
  bool allow(const std::string& public_key, const std::string& name);
  void forbid(const std::string& name);
  zmq::socket_t& socket() { return socket_; }
  /// Answers the questions that are there; the number of keys that were turned away.
  int answer();

 private:
  zmq::socket_t socket_;
  std::map<std::string, std::string> names_;  // by public key, as text
};

}  // namespace troupe::plane

#pragma once
// What a data plane has counted since it started.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "transport/priority.hpp"

namespace troupe {

/// Why something from outside was not taken.
enum class Refusal : std::uint8_t {
  handshake,      // never got through ZeroMQ's own handshake: garbage, another mechanism, a wrong server key
  wrong_key,      // a CURVE key that no peer has
  wrong_version,  // another version of troupe's protocol
  wrong_cluster,  // another cluster's process
  unknown_peer,   // a name that is not known here, or is not the one of the key
  old_incarnation,  // a process that another of the same name has replaced
  no_hello,         // frames before a hello
  malformed,        // no frame, or one that can't come now
  oversized,        // a piece or a message past its limit
  over_credit,      // payload without credit for it
  out_of_order,     // a message or piece that is not the next one
  too_many,         // channels past the limit
  late,             // for an end that is gone; no fault of the peer's
};
constexpr std::size_t kRefusals = 13;
const char* to_string(Refusal reason) noexcept;

struct ClassStatistics {
  std::uint64_t bytes_out = 0, bytes_in = 0;    // payload
  std::uint64_t frames_out = 0, frames_in = 0;  // ZeroMQ messages: pieces, and control frames of that class
};

struct PeerStatistics {
  std::string name;
  bool up = false;           // both connections stand
  std::uint64_t losses = 0;  // how often it was given up
  std::uint64_t tries = 0;   // connections to it that were begun
  std::string trouble;       // the last reason in words, "" where there was none
  std::array<ClassStatistics, kPriorities> classes;
  std::uint64_t queued_bytes = 0;  // wait to be sent
  std::uint64_t held_bytes = 0;    // came, and the application has not given back the credit
};

struct PlaneStatistics {
  std::vector<PeerStatistics> peers;  // by name
  std::array<std::uint64_t, kRefusals> refused{};
  std::uint64_t refusals(Refusal reason) const { return refused[static_cast<std::size_t>(reason)]; }
};

}  // namespace troupe

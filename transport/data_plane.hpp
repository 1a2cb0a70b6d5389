#pragma once
// The bulk path between processes: typed channels over ZeroMQ, encrypted and authenticated by CURVE. Control
// goes through actors; tensors go here.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/units.hpp"
#include "transport/channel.hpp"
#include "transport/curve_keys.hpp"
#include "transport/plane_statistics.hpp"

namespace troupe {

struct DataPlaneOptions {
  std::string name;                        // of this process in its cluster
  std::string cluster;                     // its id; another cluster's processes are refused
  std::string bind = "tcp://127.0.0.1:0";  // tcp://ADDRESS:PORT (port 0: any) or ipc://PATH
  std::optional<CurveKeys> keys;           // of this process
  bool unencrypted = false;                // no keys at all: loopback and ipc only
  double failure_timeout = 5;              // seconds, 0.2 … 3600: a peer that is silent so long is given up
  Bytes window = mib(128);                 // a channel's credit, 1 MiB … 64 GiB
  Bytes piece = mib(1);                    // payload of one frame, 64 KiB … 64 MiB
  int channels = 4096;                     // at most so many to a peer, 1 … 1'000'000
  std::uint64_t incarnation = 0;           // of this process; 0: a random one
  double retry_first = 0.05;               // seconds, 0.01 … 3600: see transport/retry.hpp
  Log log;                                 // none: silent
};

/// The largest message (header, payload and a little for each piece) that a window takes.
Bytes max_message(Bytes window);

struct PeerAddress {
  std::string name;
  std::string endpoint;    // where its data plane is bound
  std::string public_key;  // its CURVE key; "" where unencrypted
  friend bool operator==(const PeerAddress&, const PeerAddress&) = default;
};

/// One a process, with one thread that owns all sockets. Any thread may call it.
class DataPlane {
 public:
  /// Errors: bad_config (an option, an address, a key), io (the address can't be bound).
  static Result<std::unique_ptr<DataPlane>> start(DataPlaneOptions options);
  /// Ends all channels with Error interrupted; what is queued is lost: who needs to know waits for an answer.
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  /// Where it is bound, with the port that it got.
  const std::string& endpoint() const;
  std::uint64_t incarnation() const;

  /// From now on it is let in, and connected to until it is removed, however often it goes and comes: less
  /// and less often while nobody wants anything of it, at once when it knocks itself.
  Result<void> add_peer(const PeerAddress& peer);
  /// The same for a peer that may be known: where it has moved, the old address is removed first; where it
  /// has not, and there is no connection, one is tried at once.
  Result<void> ensure_peer(const PeerAddress& peer);
  /// Its channels fail with peer_missing, and it is let in no more. Nothing happens where it is unknown.
  void remove_peer(const std::string& name);
  /// Waits until both connections to the peer stand. Error peer_missing after `timeout` seconds, with the
  /// reason.
  Result<void> wait_for(const std::string& peer, double timeout);

  /// Opens this process's end of channel `number` to the peer; the other opens its own, with the same number.
  /// A peer that isn't there within failure_timeout fails it. Error not_found for an unknown peer, bad_usage
  /// for a number that is open already, no_capacity past Options.channels.
  Result<Channel> open(const std::string& peer, std::uint32_t number, Priority priority);

  PlaneStatistics statistics() const;

 private:
  struct Impl;
  explicit DataPlane(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe

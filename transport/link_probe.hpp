#pragma once
// How fast the way between two processes is, measured over a channel of their data planes as jobs use it: of
// the lowest class, so that whatever a job sends goes first, and of bounded bytes and time.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/units.hpp"
#include "transport/data_plane.hpp"

namespace troupe {

/// The most that is sent each way, whatever is asked for.
inline constexpr Bytes kMostProbeBytes = mib(32);
/// Seconds that a probe lasts at most, waiting for the other process included.
inline constexpr double kMostProbeSeconds = 5;

struct LinkProbe {
  Bytes bytes = mib(16);  // each way; 0: round trips alone
  double seconds = 0.3;   // each way: what is under way then still arrives, nothing more is sent
};

struct LinkSpeed {
  double round_trip_seconds = 0;  // of a small message and its answer: the median
  double there = 0, back = 0;     // bytes a second from who asks to who answers, and back; 0: not measured
};

/// Asks; meanwhile the other process answers on the channel of the same number. Each is a peer of the other.
/// Errors: peer_missing (no connection, or no answer in time), bad_data (an answer that makes no sense), and
/// those of channels.
Result<LinkSpeed> probe_link(DataPlane& plane, const std::string& peer, std::uint32_t channel,
                             const LinkProbe& probe, const Clock& clock);
/// Answers until the other side closes its end. Errors as above.
Result<void> answer_probe(DataPlane& plane, const std::string& peer, std::uint32_t channel,
                          const Clock& clock);

/// What had arrived, and when.
using Arrivals = std::vector<std::pair<double, std::int64_t>>;  // seconds, bytes in all
/// Bytes a second over the later half of the bytes: what comes before is the way filling up. 0 where there is
/// nothing to tell.
double rate_of(const Arrivals& arrivals);

}  // namespace troupe

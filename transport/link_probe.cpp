#include "transport/link_probe.hpp"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/random.hpp"
#include "base/whole.hpp"

namespace troupe {
namespace {

using Json = nlohmann::json;

constexpr int kMostTrips = 64;
constexpr double kTripSeconds = 0.1;                                        // for all of them
constexpr std::int64_t kFirstUnderWay = 64 << 10, kMostUnderWay = 8 << 20;  // bytes
constexpr std::int64_t kLeastPiece = 16 << 10, kMostPiece = 1 << 20;
/// A piece that waits for longer than that beyond a round trip stands in a queue: more of them tell nothing.
constexpr double kQueued = 0.05;

const char* const kTrip = "trip";  // answered with the same word
const char* const kTake = "take";  // a piece; answered with kTook
const char* const kTook = "took";

/// What no link can make smaller.
std::shared_ptr<const std::vector<std::byte>> make_noise() {
  auto noise = std::make_shared<std::vector<std::byte>>(static_cast<std::size_t>(kMostPiece));
  Draw draw(1, 0, 0, Purpose::test);
  for (auto& byte : *noise) byte = static_cast<std::byte>(draw.bits() >> 24);
  return noise;
}

/// One end, with the time that it has.
class Probe {
 public:
  Probe(Channel channel, const Clock& clock, double until)
      : channel_(std::move(channel)), clock_(clock), until_(until) {}

  static Result<Probe> open(DataPlane& plane, const std::string& peer, std::uint32_t number,
                            const Clock& clock) {
    const double until = clock.now() + kMostProbeSeconds;
    if (auto there = plane.wait_for(peer, kMostProbeSeconds); !there) return fail(there.error());
    auto channel = plane.open(peer, number, Priority::samples);
    if (!channel) return fail(channel.error());
    return Probe(std::move(*channel), clock, until);
  }

  Result<double> round_trip() {
    std::vector<double> trips;
    const double began = clock_.now();
    for (int i = 0; i < kMostTrips && (i < 2 || clock_.now() - began < kTripSeconds); ++i) {
      const double asked = clock_.now();
      if (auto sent = say(kTrip); !sent) return fail(sent.error());
      if (auto heard = hear(kTrip); !heard) return fail(heard.error());
      if (i > 0) trips.push_back(clock_.now() - asked);  // the first one waits for the other end to be opened
    }
    std::nth_element(trips.begin(), trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2),
                     trips.end());
    return trips[trips.size() / 2];
  }

  /// Sends, and tells how fast it arrived. So much is under way as fills the link, and no more: what is sent
  /// has to end soon after the time is up.
  Result<double> push(const LinkProbe& probe, double round_trip) {
    struct Piece {
      double sent_at;
      std::int64_t bytes;
    };
    if (!noise_) noise_ = make_noise();
    const std::int64_t bytes = std::min(probe.bytes, kMostProbeBytes).count;
    const double began = clock_.now();
    Arrivals arrivals{{began, 0}};
    std::deque<Piece> under_way;
    std::int64_t sent = 0, taken = 0, allowed = kFirstUnderWay;
    while (true) {
      while (sent < bytes && sent - taken < allowed && clock_.now() - began < probe.seconds) {
        const auto piece = std::min(std::clamp(allowed / 4, kLeastPiece, kMostPiece), bytes - sent);
        const double now = clock_.now();
        if (auto said = say(kTake, {{std::span(*noise_).first(static_cast<std::size_t>(piece))}, noise_});
            !said)
          return fail(said.error());
        under_way.push_back({now, piece});
        sent += piece;
      }
      if (under_way.empty()) return rate_of(arrivals);
      if (auto heard = hear(kTook); !heard) return fail(heard.error());
      const double now = clock_.now();
      const Piece arrived = under_way.front();
      under_way.pop_front();
      taken += arrived.bytes;
      arrivals.emplace_back(now, taken);
      if (now - arrived.sent_at < round_trip + kQueued)
        allowed = std::min(allowed + arrived.bytes, kMostUnderWay);
    }
  }

  /// Has the other side push.
  Result<double> pull(const LinkProbe& probe, double round_trip) {
    const Json order{{"push", probe.bytes.count}, {"seconds", probe.seconds}, {"trip", round_trip}};
    if (auto said = say(order.dump()); !said) return fail(said.error());
    while (true) {
      const auto message = receive();
      if (!message) return fail(message.error());
      if (message->header() == kTake) {
        if (auto said = say(kTook); !said) return fail(said.error());
        continue;
      }
      const auto told = Json::parse(message->header(), nullptr, false);
      if (told.is_object() && told.contains("rate") && told["rate"].is_number() &&
          told["rate"].get<double>() >= 0)
        return told["rate"].get<double>();
      return fail(nonsense(message->header()));
    }
  }

  Result<void> answer() {
    std::int64_t taken = 0;
    while (true) {
      const auto message = receive();
      if (!message && message.error().code == ErrorCode::interrupted) return {};  // the other side is done
      if (!message) return fail(message.error());
      taken += static_cast<std::int64_t>(message->size());
      if (taken > kMostProbeBytes.count) return fail(nonsense("more than " + to_string(kMostProbeBytes)));
      Result<void> said;
      if (message->header() == kTrip)
        said = say(kTrip);
      else if (message->header() == kTake)
        said = say(kTook);
      else
        said = push_as_told(std::string(message->header()));
      if (!said) return said;
    }
  }

 private:
  Result<void> push_as_told(const std::string& order) try {
    const Json told = Json::parse(order);
    const LinkProbe probe{Bytes{whole<std::int64_t>(told.at("push"))},
                          std::clamp(told.at("seconds").get<double>(), 0.0, kMostProbeSeconds)};
    const auto rate = push(probe, told.at("trip").get<double>());
    if (!rate) return fail(rate.error());
    return say(Json{{"rate", *rate}}.dump());
  } catch (const std::exception&) {
    return fail(nonsense(order));
  }

  double left() const { return std::max(0.0, until_ - clock_.now()); }
  Result<void> say(const std::string& header, Payload payload = {}) {
    return channel_.send(header, std::move(payload), left());
  }
  Result<Message> receive() {
    auto got = channel_.receive(left());
    if (!got) return fail(got.error());
    if (*got) return **got;
    return fail({.code = ErrorCode::peer_missing,
                 .what = "a measurement of the way between two nodes did not end in time",
                 .where = "data plane to " + channel_.peer(),
                 .given = std::to_string(kMostProbeSeconds) + " s",
                 .hint = "The network between them loses or holds back what is sent"});
  }
  Result<void> hear(const char* word) {
    const auto message = receive();
    if (!message) return fail(message.error());
    if (message->header() == word) return {};
    return fail(nonsense(message->header()));
  }
  Error nonsense(std::string_view given) const {
    return {.code = ErrorCode::bad_data,
            .what = "this is no answer to a measurement",
            .where = "data plane to " + channel_.peer(),
            .given = std::string(given.substr(0, 80)),
            .hint = "Every process of a cluster runs the same version"};
  }

  Channel channel_;
  const Clock& clock_;
  double until_;
  std::shared_ptr<const std::vector<std::byte>> noise_;
};

}  // namespace

double rate_of(const Arrivals& arrivals) {
  if (arrivals.size() < 2) return 0;
  const auto [end, bytes] = arrivals.back();
  const auto half = std::find_if(arrivals.begin(), arrivals.end(),
                                 [all = bytes](const auto& a) { return 2 * a.second >= all; });
  // one piece alone, or all at once: from the beginning
  const auto [begin, before] = half->first < end ? *half : arrivals.front();
  return end > begin ? static_cast<double>(bytes - before) / (end - begin) : 0;
}

Result<LinkSpeed> probe_link(DataPlane& plane, const std::string& peer, std::uint32_t channel,
                             const LinkProbe& probe, const Clock& clock) {
  auto end = Probe::open(plane, peer, channel, clock);
  if (!end) return fail(end.error());
  const auto trip = end->round_trip();
  if (!trip) return fail(trip.error());
  LinkSpeed speed{.round_trip_seconds = *trip};
  if (probe.bytes.count <= 0) return speed;
  const auto there = end->push(probe, *trip);
  if (!there) return fail(there.error());
  const auto back = end->pull(probe, *trip);
  if (!back) return fail(back.error());
  speed.there = *there;
  speed.back = *back;
  return speed;
}

Result<void> answer_probe(DataPlane& plane, const std::string& peer, std::uint32_t channel,
                          const Clock& clock) {
  auto end = Probe::open(plane, peer, channel, clock);
  if (!end) return fail(end.error());
  return end->answer();
}

}  // namespace troupe

#include "actors/prober.hpp"

namespace troupe {
namespace {

void probe(const ProberState& state, const ProbeLink& m, LinkSpeed& speed) {
  if (!state.plane)
    throw ErrorException({.code = ErrorCode::internal, .what = "this process has no data plane"});
  auto& plane = *state.plane;
  if (auto known = plane.ensure_peer(m.peer); !known) throw ErrorException(known.error());
  if (!m.ask) {
    if (auto done = answer_probe(plane, m.peer.name, m.channel, *state.clock); !done)
      throw ErrorException(done.error());
    return;
  }
  const auto measured = probe_link(plane, m.peer.name, m.channel, {.bytes = m.bytes}, *state.clock);
  if (!measured) throw ErrorException(measured.error());
  speed = *measured;
}

}  // namespace

prober_actor::behavior_type prober(prober_actor::stateful_pointer<ProberState> self,
                                   std::shared_ptr<DataPlane> plane, SharedClock clock) {
  name_exceptions(self);
  self->state.plane = std::move(plane);
  self->state.clock = std::move(clock);
  return {[self](const ProbeLink& m) {
    Probed probed;
    probed.outcome = outcome_of("data plane to " + m.peer.name, [&] { probe(self->state, m, probed.speed); });
    self->quit();
    return probed;
  }};
}

}  // namespace troupe

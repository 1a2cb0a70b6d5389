#include "actors/replica.hpp"

namespace troupe {
namespace {

using Self = replica_actor::stateful_pointer<ReplicaState>;

/// On this actor's own thread, prepared once, charged to the job; or on its slice's.
template <class F>
Outcome compute(Self self, F&& f) {
  auto& state = self->state;
  // which charges what it takes by itself
  if (state.args.on)
    return perform_on(self->system(), state.args.on, state.args.replica->name(), [&f] { f(); });
  return outcome_of(state.args.replica->name(), [&] {
    if (!state.set_up && state.args.thread_setup) state.args.thread_setup();
    state.set_up = true;
    AccountScope charge(state.args.account);
    f();
  });
}

Written write(Self self, const WriteSnapshot& m) {
  auto& state = self->state;
  const std::string file = state.args.replica->name() + ".safetensors";
  if (!state.snapshot || state.snapshot_step != m.step)
    return {
        {Error{.what = "no snapshot of step " + std::to_string(m.step), .where = state.args.replica->name()}},
        file};
  const auto snapshot = std::move(state.snapshot);
  return {outcome(snapshot->write(m.folder / file)), file};
}

}  // namespace

replica_actor::behavior_type replica(Self self, ReplicaArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  Replica& network = *self->state.args.replica;
  return {
      [self, &network](const EnterPhase& m) { return compute(self, [&] { network.enter(m.moment); }); },
      [self, &network](const TakeSnapshot& m) {
        return compute(self, [&] {
          self->state.snapshot = network.snapshot();
          self->state.snapshot_step = m.step;
        });
      },
      [self](const WriteSnapshot& m) { return write(self, m); },
      [self, &network](const Restore& m) {
        Outcome restored;
        const Outcome threw = compute(self, [&] {
          restored = outcome(network.restore(m.folder / (network.name() + ".safetensors"), m.moment));
        });
        return threw.error ? threw : restored;
      },
      [self, &network](const MakeSamples& m) {
        Samples samples;
        samples.outcome = compute(self, [&] {
          auto images = network.sample(m.count, m.seed, m.moment);
          if (!images) throw ErrorException(images.error());
          samples.images = std::move(*images);
        });
        return samples;
      },
      [self, &network](const AskHash&) {
        StateHash hash;
        if (!self->state.args.on) return StateHash{network.hash()};
        const auto threw = compute(self, [&] { hash.value = network.hash(); });
        if (threw.error) throw ErrorException(*threw.error);
        return hash;
      },
  };
}

}  // namespace troupe

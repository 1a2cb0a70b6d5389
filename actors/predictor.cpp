#include "actors/predictor.hpp"

#include "base/files.hpp"

namespace troupe {
namespace {

using Self = predictor_actor::stateful_pointer<PredictorState>;

constexpr std::int64_t kLargestFile = 4 << 20;

/// Whoever asks has come to a phase's start or has just measured: seldom enough for a file.
void keep(Self self) {
  auto& state = self->state;
  if (!std::exchange(state.learned_more, false)) return;
  self->send(state.args.recorder, KeepFile{state.args.file, state.args.learned.text()});
  self->send(state.args.recorder, KeepFile{state.args.beside_file, state.args.beside.text()});
}

/// What the jobs on its device cost it.
void look_beside(PredictorState& state, const StepsSeen& m, Prediction& told) {
  const auto& table = state.tables[m.job];
  const PhaseQuestion* phase = table.question(m.phase);
  if (!phase || !phase->forecast || !phase->rates) return;
  const auto crowding =
      state.neighbours.seen({m.job,
                             {table.kind(), phase->name, m.cores},
                             profile_of(*phase->forecast, *phase->rates, m.cores, m.waiting),
                             m.nodes,
                             m.at,
                             m.seconds},
                            *phase->rates, state.args.beside);
  told.slowdown = crowding.forecast;
  told.measured_slowdown = crowding.measured;
}

}  // namespace

Correction read_correction(const std::filesystem::path& file, std::optional<Error>& trouble) {
  const auto text = read_file(file, kLargestFile);
  auto read = text ? Correction::from_text(*text, file.string()) : fail(text.error());
  if (read) return std::move(*read);
  if (read.error().code != ErrorCode::not_found) trouble = read.error();
  return {};
}

predictor_actor::behavior_type predictor(Self self, PredictorArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const AskDemand& m) {
        keep(self);
        auto& table = self->state.tables.try_emplace(m.job, m.kind, DemandTable::Options{}).first->second;
        return table.demand(m.phase, self->state.args.learned);
      },
      [self](const Measured& m) {
        auto& state = self->state;
        auto& table = state.tables[m.job];
        table.measured(m.measurement, state.args.learned);
        const auto* phase = table.question(m.measurement.phase);
        state.learned_more = state.learned_more || (phase && phase->forecast);
      },
      [self](const StepsSeen& m) {
        auto& state = self->state;
        auto& table = state.tables[m.job];
        auto before = table.predict(m.phase, m.cores, state.args.learned);
        before.bytes = table.predict(m.phase, m.peak_cores, state.args.learned).bytes;
        table.steps(m.phase, m.cores, m.seconds, state.args.learned);
        look_beside(state, m, before);
        state.learned_more = state.learned_more || before.step_seconds > 0;
        return before;
      },
  };
}

}  // namespace troupe

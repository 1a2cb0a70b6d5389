#include "actors/files.hpp"

#include "actors/plugin.hpp"

namespace troupe {
namespace {

Result<std::shared_ptr<Program>> build(builder_actor::stateful_pointer<BuilderState> self,
                                       const progress_sink& report_to, BuildProgram m) {
  if (!m.context.job.plugin.empty()) {
    auto kinds = load_plugin(m.context.job.plugin);
    if (!kinds) return fail(kinds.error());
    const auto found = kinds->find(m.context.job.kind);
    if (found == kinds->end())
      return fail({.code = ErrorCode::bad_config,
                   .what = "the plugin has no job kind of that name",
                   .where = m.context.job.plugin.string(),
                   .given = m.context.job.kind});
    m.factory = found->second;
  }
  m.context.progress = [self, report_to](const std::string& stage, std::int64_t done, std::int64_t total) {
    self->send(report_to, BuildProgress{stage, done, total});
  };
  return m.factory(m.context);
}

}  // namespace

builder_actor::behavior_type builder(builder_actor::stateful_pointer<BuilderState> self,
                                     progress_sink report_to) {
  name_exceptions(self);
  return {
      [self, report_to](const BuildProgram& m) {
        Built built;
        built.outcome = outcome_of("job " + m.context.job.name, [&] {
          auto program = build(self, report_to, m);
          if (!program) throw ErrorException(program.error());
          built.program = std::move(*program);
        });
        return built;
      },
  };
}

checkpointer_actor::behavior_type checkpointer(checkpointer_actor::stateful_pointer<CheckpointerState> self,
                                               std::filesystem::path folder, int keep) {
  name_exceptions(self);
  self->state.store = std::make_unique<CheckpointStore>(std::move(folder), keep);
  return {
      [self](const BeginCheckpoint& m) {
        auto begun = self->state.store->begin(m.step);
        return begun ? CheckpointFolder{*begun, {}} : CheckpointFolder{{}, {begun.error()}};
      },
      [self](const DiscardCheckpoint& m) {
        self->state.store->discard(m.step);
        return Outcome{};
      },
      [self](const CommitCheckpoint& m) {
        auto manifest = self->state.store->commit(m.manifest.step, m.manifest, m.files);
        if (!manifest) return CheckpointWritten{{}, {}, {manifest.error()}};
        Bytes bytes;
        for (const auto& file : manifest->files) bytes += Bytes{file.bytes};
        return CheckpointWritten{self->state.store->path_of(manifest->step), bytes, {}};
      },
      [self](const FindCheckpoint&) {
        auto found = self->state.store->latest();
        if (found) return FoundCheckpoint{*found, found->skipped, {}};
        if (found.error().code == ErrorCode::not_found) {
          const bool damaged = !found.error().hint.empty();  // there are some, but none is whole
          return FoundCheckpoint{
              std::nullopt, damaged ? std::vector{found.error()} : std::vector<Error>{}, {}};
        }
        return FoundCheckpoint{std::nullopt, {}, {found.error()}};
      },
  };
}

}  // namespace troupe

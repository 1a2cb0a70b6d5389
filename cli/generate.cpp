#include "cli/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/files.hpp"
#include "cli/caught.hpp"
#include "cli/job_factory.hpp"
#include "cli/run_folder.hpp"
#include "cli/text.hpp"
#include "data/png.hpp"
#include "train/checkpoint.hpp"
#include "train/grid.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// Images that a generator makes at a time. A constant, because the seed of an image depends on its chunk.
constexpr int kChunk = 16;
constexpr int kGridColumns = 8, kGridCell = 64;

/// Result of a job's checkpoint, ready to make images.
struct Loaded {
  std::shared_ptr<Program> program;
  Moment moment;
  std::vector<std::shared_ptr<Replica>> generators;
};

Result<JobConfig> choose_job(const GenerateOptions& options) {
  const auto jobs = jobs_of_run(options.run);
  if (!jobs) return fail(jobs.error().front());
  std::string names;
  const JobConfig* chosen = nullptr;
  for (const JobConfig& job : *jobs) {
    names += (names.empty() ? "" : ", ") + job.name;
    if (options.job.empty() ? !chosen || job.priority > chosen->priority : job.name == options.job)
      chosen = &job;
  }
  if (chosen) return *chosen;
  return fail({ErrorCode::not_found, "the run has no such job", options.run.string(),
               options.job.empty() ? "no job at all" : options.job, names, "Name one with --job"});
}

Result<CheckpointStore::Found> newest(const GenerateOptions& options, const JobConfig& job,
                                      const Terminal& terminal) {
  const CheckpointStore store(options.run / job.name / "checkpoints", job.checkpoint_keep);
  auto found = store.latest();
  if (!found) return found;
  for (const Error& skipped : found->skipped) terminal.err << "passed over: " << skipped.text() << "\n";
  terminal.err << fmt::format("checkpoint of step {}, phase {}: {}\n", found->manifest.step,
                              found->manifest.phase, found->dir.string());
  terminal.err.flush();
  return found;
}

Error another_configuration(const fs::path& checkpoint, const fs::path& job_file) {
  return {.code = ErrorCode::bad_config,
          .what = "the checkpoint is of another configuration",
          .where = checkpoint.string(),
          .hint =
              "Images are made with the configuration and the data that it was trained by: undo what was "
              "changed in " +
              job_file.string() + " or config.toml"};
}

/// On whatever device it was trained.
bool is_of(const Manifest& manifest, JobConfig job, std::uint64_t data) {
  if (is_hash_of(manifest.config_hash, job, data)) return true;
  job.gpu = GpuUse::require;
  return is_hash_of(manifest.config_hash, job, data);
}

Result<Loaded> load(const CheckpointStore::Found& found, const JobConfig& job, const fs::path& run,
                    const fs::path& runs, const Services& services) {
  const auto factory = factory_of(job, services);
  if (!factory) return fail(factory.error());
  ProgramContext context;
  context.job = job;
  context.job.gpu = GpuUse::none;  // images are made here, wherever it was trained
  context.runs = runs;
  auto program = (*factory)(context);
  if (!program) return fail(program.error());
  if (!is_of(found.manifest, context.job, (*program)->data_identity()))
    return fail(another_configuration(found.dir, run / job.name / "job.toml"));
  Loaded loaded{*program, (*program)->moment(found.manifest.step), {}};
  for (const auto& replica : loaded.program->replicas()) {
    if (!replica->makes_images()) continue;
    replica->enter(loaded.moment);
    const auto restored = replica->restore(found.dir / (replica->name() + ".safetensors"), loaded.moment);
    if (!restored) return fail(restored.error());
    loaded.generators.push_back(replica);
  }
  if (!loaded.generators.empty()) return loaded;
  return fail({ErrorCode::bad_usage, "jobs of this kind make no images", "job " + job.name, job.kind, "",
               "Name another with --job"});
}

void tell_progress(const Terminal& terminal, const std::string& name, int done, int count) {
  if (!terminal.redraw) return;
  const int cells = 20, full = count > 0 ? done * cells / count : cells;
  terminal.err << fmt::format("\r{:<14} [{:#<{}}{:.<{}}] {}/{}", name, "", full, "", cells - full, done,
                              count)
               << (done == count ? "\n" : "");
  terminal.err.flush();
}

Result<std::vector<Image>> make_images(Replica& generator, const Moment& moment,
                                       const GenerateOptions& options, const fs::path& folder,
                                       const Services& services, const Terminal& terminal) {
  const auto made = make_writable_folder(folder);
  if (!made) return fail(made.error());
  std::vector<Image> shown;
  for (int done = 0; done < options.count;) {
    const int n = std::min(kChunk, options.count - done);
    // always whole chunks: an image must not depend on how many were asked for
    auto images =
        generator.sample(kChunk, options.seed + (static_cast<std::int64_t>(done / kChunk) << 32), moment);
    if (!images) return fail(images.error());
    for (int i = 0; i < n; ++i) {
      Image& image = (*images)[static_cast<std::size_t>(i)];
      const auto written = write_png(folder / fmt::format("{:05}.png", done + i), image);
      if (!written) return fail(written.error());
      if (static_cast<int>(shown.size()) < kGridColumns) shown.push_back(std::move(image));
    }
    done += n;
    tell_progress(terminal, generator.name(), done, options.count);
    if (services.interrupts->wait(0))
      return fail({ErrorCode::interrupted, "interrupted", folder.string(), "", "", ""});
  }
  return shown;
}

Result<Json> generate(const GenerateOptions& options, const Services& services, const Terminal& terminal) {
  const auto job = choose_job(options);
  if (!job) return fail(job.error());
  const auto config = load_config(options.run / "config.toml");
  if (!config) return fail(config.error().front());
  const auto found = newest(options, *job, terminal);
  if (!found) return fail(found.error());
  services.thread_setup();
  const auto loaded = load(*found, *job, options.run, config->cluster.runs, services);
  if (!loaded) return fail(loaded.error());
  const fs::path out =
      options.out.empty() ? options.run / job->name / fmt::format("generated-{}", options.seed) : options.out;
  std::vector<std::vector<Image>> rows;
  Json folders = Json::array();
  for (const auto& generator : loaded->generators) {
    auto shown =
        make_images(*generator, loaded->moment, options, out / generator->name(), services, terminal);
    if (!shown) return fail(shown.error());
    rows.push_back(std::move(*shown));
    folders.push_back((out / generator->name()).string());
  }
  const fs::path grid = out / "grid.png";
  const auto written = write_png(grid, image_grid(rows, kGridCell));
  if (!written) return fail(written.error());
  return Json{{"job", job->name},       {"step", found->manifest.step}, {"checkpoint", found->dir.string()},
              {"count", options.count}, {"folders", folders},           {"grid", grid.string()}};
}

}  // namespace

int run_generate(const GenerateOptions& options, const Services& services, const Terminal& terminal) {
  const auto made = caught("troupe generate", [&] { return generate(options, services, terminal); });
  if (!made) return report(terminal, made.error());
  if (options.json) {
    terminal.out << made->dump(2) << "\n";
    return kDone;
  }
  for (const auto& folder : (*made)["folders"]) {
    terminal.out << counted(options.count, "image") << " in " << folder.get<std::string>() << "\n";
  }
  terminal.out << "grid: " << (*made)["grid"].get<std::string>() << "\n";
  return kDone;
}

}  // namespace troupe

#include "cli/predict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "actors/predictor.hpp"
#include "base/files.hpp"
#include "cli/caught.hpp"
#include "cli/job_factory.hpp"
#include "cli/local_commands.hpp"
#include "cli/text.hpp"
#include "ops/forecast_picture.hpp"
#include "predict/progression.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargestFile = 1 << 20;
constexpr int kMostColumns = 5;  // of times: 1, 2, 4 … cores

/// A job, and where its cluster keeps what it learned.
struct Chosen {
  JobConfig job;
  fs::path runs = ClusterConfig{}.runs;
};

/// All that is told.
struct Told {
  JobConfig job;
  CpuDevice device;
  int cores = 1;
  Progression progression;
};

Checked<Chosen> choose(const PredictOptions& options) {
  const auto one = [](Error error) {
    error.code = ErrorCode::bad_usage;  // the path and the name are what the user wrote
    return tl::unexpected<Errors>(Errors{std::move(error)});
  };
  const auto text = read_file(options.file, kLargestFile);
  if (!text) return one(text.error());
  if (is_job_file(*text)) {
    const auto job = parse_job(*text, options.file);
    if (!job) return tl::unexpected<Errors>(job.error());
    if (options.job.empty() || options.job == job->name) return Chosen{*job};
    return one({ErrorCode::bad_usage, "the file has no such job", options.file.string(), options.job,
                job->name, ""});
  }
  const auto config = parse_config(*text, options.file);
  if (!config) return tl::unexpected<Errors>(config.error());
  std::string names;
  const JobConfig* chosen = nullptr;
  for (const JobConfig& job : config->jobs) {
    names += (names.empty() ? "" : ", ") + job.name;
    if (options.job.empty() ? !chosen || job.priority > chosen->priority : job.name == options.job)
      chosen = &job;
  }
  if (chosen) return Chosen{*chosen, config->cluster.runs};
  return one({ErrorCode::bad_usage, "the file has no such job", options.file.string(),
              options.job.empty() ? "no job at all" : options.job, names, ""});
}

Result<std::vector<PhaseAhead>> look_ahead(const Program& program, const JobConfig& job,
                                           const std::shared_ptr<const DeviceRates>& rates) {
  std::vector<PhaseAhead> phases;
  for (std::int64_t step = 0; step < program.steps();) {
    const Moment m = program.moment(step);
    auto forecast = program.forecast(m.phase);
    if (!forecast)
      return fail({ErrorCode::bad_usage, "jobs of this kind can't tell what they take", "job " + job.name,
                   job.kind, "", "Run it: what it takes is then measured"});
    phases.push_back({{m.phase, m.phase_name, program.relative_seconds(m.phase),
                       program.relative_bytes(m.phase), forecast, rates},
                      m.phase_end - m.phase_first});
    step = m.phase_end;
  }
  return phases;
}

std::shared_ptr<const DeviceRates> rates_of(const CpuDevice& device, const fs::path& runs,
                                            const Services& services, const Terminal& terminal) {
  if (!services.make_rates) return nullptr;
  const auto source = services.make_rates(device, runs);
  const auto rates = source->get();
  for (const auto& trouble : source->troubles()) terminal.err << trouble.text() << "\n";
  return rates ? std::make_shared<const DeviceRates>(*rates) : nullptr;
}

Result<Told> tell(const Chosen& chosen, const PredictOptions& options, const Services& services,
                  const Terminal& terminal) {
  const auto device = services.discover();
  if (!device) return fail(device.error());
  const auto factory = factory_of(chosen.job, services);
  if (!factory) return fail(factory.error());
  if (services.count_memory) services.count_memory();
  services.thread_setup();
  const int there = static_cast<int>(device->cores.size());
  const auto program = (*factory)({chosen.job, chosen.runs, there, {}});
  if (!program) return fail(program.error());
  const auto phases = look_ahead(**program, chosen.job, rates_of(*device, chosen.runs, services, terminal));
  if (!phases) return fail(phases.error());
  std::optional<Error> trouble;
  const Correction learned = read_correction(chosen.runs / kCorrectionFile, trouble);
  if (trouble) terminal.err << trouble->text() << "\n";
  const int shards = (*program)->shards();
  const int most = std::min(chosen.job.max_cores.value_or(shards), shards);
  const int cores = options.cores.value_or(there);
  return Told{chosen.job, *device, cores,
              tell_progression(chosen.job.kind, *phases, learned,
                               {.cores = cores,
                                .memory = device->memory,
                                .min_cores = std::min(chosen.job.min_cores, most),
                                .max_cores = most,
                                .target_step_seconds = chosen.job.target_step_seconds})};
}

Json json_of(const Told& told) {
  Json phases = Json::array();
  for (const auto& p : told.progression.phases)
    phases.push_back({{"name", p.name},
                      {"steps", p.steps},
                      {"peak", p.peak.count},
                      {"peak_a_further_core", p.peak_a_worker.count},
                      {"budget", p.demand.wall_for(p.wanted_cores).count},
                      {"step_seconds", p.seconds},
                      {"learned_steps", p.learned},
                      {"wanted_cores", p.wanted_cores},
                      {"threads_percent", p.threads_percent},
                      {"memory_percent", p.memory_percent}});
  return {{"job", told.job.name},
          {"kind", told.job.kind},
          {"device",
           {{"model", told.device.model},
            {"cores", told.device.cores.size()},
            {"memory", told.device.memory.count}}},
          {"cores", told.cores},
          {"target_step_seconds", told.job.target_step_seconds},
          {"phases", phases},
          {"smallest_slice", {{"cores", told.job.min_cores}, {"memory", told.progression.smallest.count}}},
          {"run_seconds", told.progression.run_seconds}};
}

/// 1, 2, 4 … and all of them, a few columns at most.
std::vector<int> columns_of(int cores) {
  std::vector<int> some;
  for (int n = 1; n < cores && static_cast<int>(some.size()) + 1 < kMostColumns; n *= 2) some.push_back(n);
  some.push_back(cores);
  return some;
}

std::string time_on(const std::vector<double>& seconds, int cores) {
  const auto i = static_cast<std::size_t>(cores - 1);
  return i < seconds.size() ? format_duration(seconds[i]) : "-";
}

std::string phases_text(const Told& told) {
  const auto columns = columns_of(told.cores);
  std::vector<std::vector<std::string>> rows{{"PHASE", "STEPS", "PEAK", "A FURTHER CORE"}};
  for (const int n : columns) rows.front().push_back(fmt::format("STEP ON {}", n));
  for (const char* name : {"WANTS", "THREADS", "MEMORY", "TIMES"}) rows.front().emplace_back(name);
  for (const auto& p : told.progression.phases) {
    std::vector<std::string> row{p.name, std::to_string(p.steps), to_string(p.peak),
                                 to_string(p.peak_a_worker)};
    for (const int n : columns) row.push_back(time_on(p.seconds, n));
    row.push_back(counted(p.wanted_cores, "core"));
    row.push_back(p.seconds.empty() ? "-" : fmt::format("{:.1f} %", p.threads_percent));
    row.push_back(fmt::format("{:.2f} %", p.memory_percent));
    row.push_back(p.seconds.empty() ? "not known"
                  : p.learned == 0  ? "never measured"
                                    : "corrected by " + counted(static_cast<long>(p.learned), "step"));
    rows.push_back(std::move(row));
  }
  std::vector<int> right;
  for (int column = 1; column + 1 < static_cast<int>(rows.front().size()); ++column) right.push_back(column);
  return table(rows, right);
}

void print(const Told& told, const PredictOptions& options, const Terminal& terminal) {
  if (options.json) {
    terminal.out << json_of(told).dump(2) << "\n";
    return;
  }
  const auto there = static_cast<long>(told.device.cores.size());
  terminal.out << fmt::format("job {} on {} of {}, {}; a step's target is {}\n\n", told.job.name,
                              counted(there, "core"), told.device.model, to_string(told.device.memory),
                              format_duration(told.job.target_step_seconds))
               << phases_text(told) << "\n"
               << fmt::format("smallest slice that all phases fit in: {}, {}\n",
                              counted(told.job.min_cores, "core"), to_string(told.progression.smallest));
  std::string run;
  for (const int n : columns_of(told.cores))
    run += fmt::format("{}{} on {}", run.empty() ? "" : ", ", time_on(told.progression.run_seconds, n), n);
  if (!told.progression.run_seconds.empty()) terminal.out << "the whole run's steps: " << run << "\n";
  if (told.cores > there)
    terminal.out << fmt::format("times on more than {} are told as if more of the same cores were here\n",
                                counted(there, "core"));
}

Result<void> write_out(const fs::path& folder, const Told& told) {
  if (auto made = make_writable_folder(folder); !made) return made;
  std::string csv =
      "phase,steps,peak,peak_a_further_core,step_seconds_on_1,step_seconds_on_all,wanted_cores,"
      "threads_percent,memory_percent,learned_steps\n";
  ForecastPicture picture{told.job.name, told.cores, told.job.target_step_seconds, {}};
  for (const auto& p : told.progression.phases) {
    const double one = p.seconds.empty() ? 0 : p.seconds.front(),
                 all = p.seconds.empty() ? 0 : p.seconds.back();
    csv += fmt::format("{},{},{},{},{:.6g},{:.6g},{},{:.3f},{:.4f},{}\n", p.name, p.steps, p.peak.count,
                       p.peak_a_worker.count, one, all, p.wanted_cores, p.threads_percent, p.memory_percent,
                       p.learned);
    const Demand bare{.phase = {}, .bytes = p.peak, .bytes_per_core = p.peak_a_worker};
    picture.bars.push_back({p.name, static_cast<double>(p.peak.count),
                            static_cast<double>(bare.bytes_for(told.cores).count), one, all});
  }
  if (auto wrote = write_file(folder / "phases.csv", csv); !wrote) return wrote;
  return draw_forecast(picture, folder / "forecast.png");
}

}  // namespace

int run_predict(const PredictOptions& options, const Services& services, const Terminal& terminal) {
  const auto chosen = choose(options);
  if (!chosen) return report(terminal, chosen.error());
  const auto told = caught("troupe predict", [&] { return tell(*chosen, options, services, terminal); });
  if (!told) return report(terminal, told.error());
  if (!options.out.empty())
    if (const auto wrote = write_out(options.out, *told); !wrote) return report(terminal, wrote.error());
  print(*told, options, terminal);
  return kDone;
}

}  // namespace troupe

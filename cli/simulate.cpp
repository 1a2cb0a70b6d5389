#include "cli/simulate.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/files.hpp"
#include "cli/text.hpp"
#include "ops/simulation_pictures.hpp"
#include "predict/pack/experiment.hpp"
#include "predict/simulate/production.hpp"
#include "predict/traces/alibaba.hpp"
#include "predict/traces/kind.hpp"
#include "predict/traces/philly.hpp"

namespace troupe {
namespace {

using Json = nlohmann::json;

/// What is said of one policy: a row for people, the same for machines, a table for --out.
struct Told {
  std::string policy;
  std::vector<std::string> row;
  Json json;
  std::string csv;
};
struct Telling {
  std::vector<std::string> header;
  std::vector<Told> policies;
  Json about;                    // what goes for all of them
  NamedSimulations simulations;  // of jobs, where pictures are wanted
};

std::vector<std::string> chosen(const SimulateOptions& options, const std::vector<std::string>& all) {
  if (options.policies.empty()) return {"ours"};
  return options.policies == std::vector<std::string>{"all"} ? all : options.policies;
}

Result<Telling> pack_tasks(const SimulateOptions& options, const std::vector<pack::Machine>& machines) {
  const auto trace = traces::read_tasks(options.trace);
  if (!trace) return fail(trace.error());
  const auto has_gpu = [](const auto& one) { return one.gpus > 0; };
  if (std::none_of(machines.begin(), machines.end(), has_gpu) ||
      std::none_of(trace->begin(), trace->end(), has_gpu))
    return fail({ErrorCode::bad_data, "there are no GPUs to give, or none is asked for",
                 options.nodes.string() + ", " + options.trace.string(), "", "", ""});
  const auto arrivals = pack::inflate(*trace, machines, options.load / 100, options.seed);
  const double bound = pack::upper_bound_percent(arrivals, machines);
  Telling telling{{"POLICY", "AT 100 %", "AT END", "PLACED", "MOVES"}, {}, {{"tasks", arrivals.size()}}, {}};
  telling.about["upper_bound_percent"] = bound;
  const pack::PolicyContext context{pack::typical_tasks(*trace), machines, options.seed};
  for (const auto& name : chosen(options, pack::policy_names())) {
    const auto policy = pack::make_policy(name, context);
    if (!policy) return fail(policy.error());
    const auto done = pack::run_experiment(arrivals, machines, **policy, options.seed, options.moves);
    std::string csv = "arrived_percent,allocated_percent\n";
    for (std::size_t p = 0; p < done.allocated_percent.size(); ++p)
      csv += fmt::format("{},{:.3f}\n", p, done.allocated_percent[p]);
    telling.policies.push_back(
        {name,
         {name, fmt::format("{:.2f} %", done.at_full), fmt::format("{:.2f} %", done.allocated_percent.back()),
          fmt::format("{}/{}", done.placed, done.arrived), fmt::format("{}", done.moves)},
         {{"policy", name},
          {"allocated_percent", done.at_full},
          {"allocated_percent_at_end", done.allocated_percent.back()},
          {"placed", done.placed},
          {"arrived", done.arrived},
          {"moves", done.moves}},
         std::move(csv)});
  }
  return telling;
}

Told tell_jobs(const std::string& name, const simulate::Simulation& done) {
  const auto s = simulate::summarise(done);
  std::string csv = "job,submitted,started,finished,waited,parked\n";
  for (std::size_t j = 0; j < done.jobs.size(); ++j) {
    const auto& job = done.jobs[j];
    csv += fmt::format("{},{:.0f},{:.1f},{:.1f},{:.1f},{}\n", j + 1, job.submitted, job.started, job.finished,
                       job.waited, job.parked);
  }
  return {
      name,
      {name, format_duration(s.mean_completion), format_duration(s.p99_completion),
       format_duration(s.mean_waiting), format_duration(s.p99_waiting), format_duration(s.longest_waiting),
       fmt::format("{:.1f} %", 100 * s.utilisation), fmt::format("{}", s.parks)},
      {{"policy", name},
       {"mean_completion_seconds", s.mean_completion},
       {"p99_completion_seconds", s.p99_completion},
       {"mean_waiting_seconds", s.mean_waiting},
       {"p99_waiting_seconds", s.p99_waiting},
       {"longest_waiting_seconds", s.longest_waiting},
       {"utilisation", s.utilisation},
       {"parks", s.parks}},
      std::move(csv)};
}

Result<simulate::Simulation> run_policy(const std::string& name, const std::vector<simulate::SimJob>& jobs,
                                        const std::vector<pack::Machine>& machines, std::int64_t seed) {
  if (name == simulate::kProduction) return simulate::simulate_production(jobs, machines);
  const auto rule = simulate::rule_named(name);
  if (!rule) return fail(rule.error());
  return simulate::simulate(jobs, machines, *rule, seed);
}

Result<Telling> run_jobs(const SimulateOptions& options, const std::vector<pack::Machine>& machines) {
  auto trace = traces::read_jobs(options.trace);
  if (!trace) return fail(trace.error());
  if (options.first > 0 && options.first < static_cast<std::int64_t>(trace->size()))
    trace->resize(static_cast<std::size_t>(options.first));
  const auto jobs = simulate::model_jobs(*trace, options.seed);
  std::vector<std::string> all;
  for (const auto& rule : simulate::rules()) all.push_back(rule.name);
  all.push_back(simulate::kProduction);
  Telling telling{{"POLICY", "COMPLETION", "P99", "WAITING", "P99", "LONGEST", "USE", "PARKED"},
                  {},
                  {{"jobs", jobs.size()}},
                  {}};
  for (const auto& name : chosen(options, all)) {
    auto done = run_policy(name, jobs, machines, options.seed);
    if (!done) return fail(done.error());
    telling.policies.push_back(tell_jobs(name, *done));
    if (!options.out.empty()) telling.simulations.emplace_back(name, std::move(*done));
  }
  return telling;
}

Result<void> write_out(const std::filesystem::path& folder, const Telling& telling) {
  if (auto made = make_writable_folder(folder); !made) return made;
  std::string summary;
  for (const Told& told : telling.policies) {
    if (auto wrote = write_file(folder / (told.policy + ".csv"), told.csv); !wrote) return wrote;
    std::string names, values;
    for (const auto& [key, value] : told.json.items()) {
      names += (names.empty() ? "" : ",") + key;
      values += (values.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : value.dump());
    }
    if (summary.empty()) summary.append(names).append("\n");
    summary.append(values).append("\n");
  }
  if (auto wrote = write_file(folder / "summary.csv", summary); !wrote) return wrote;
  return telling.simulations.empty() ? Result<void>() : draw_simulations(folder, telling.simulations);
}

void tell(const Telling& telling, const SimulateOptions& options, const Terminal& terminal) {
  if (options.json) {
    Json object = telling.about;
    object["seed"] = options.seed;
    for (const Told& told : telling.policies) object["policies"].push_back(told.json);
    terminal.out << object.dump(2) << "\n";
    return;
  }
  std::vector<std::vector<std::string>> rows{telling.header};
  for (const Told& told : telling.policies) rows.push_back(told.row);
  std::vector<int> right;
  for (int column = 1; column < static_cast<int>(telling.header.size()); ++column) right.push_back(column);
  terminal.out << table(rows, right);
  if (telling.about.contains("upper_bound_percent"))
    terminal.out << fmt::format("No policy can allocate more than {:.2f} % at 100 % (relaxed problem).\n",
                                telling.about["upper_bound_percent"].get<double>());
}

}  // namespace

int run_simulate(const SimulateOptions& options, const Terminal& terminal) {
  const auto failed = [&](Error error) {
    if (error.code == ErrorCode::bad_data || error.code == ErrorCode::not_found ||
        error.code == ErrorCode::no_capacity)
      error.code = ErrorCode::bad_usage;  // the files are what the user gave
    return report(terminal, error);
  };
  const auto machines = traces::read_machines(options.nodes);
  if (!machines) return failed(machines.error());
  const auto kind = traces::kind_of_trace(options.trace);
  if (!kind) return failed(kind.error());
  const auto telling =
      *kind == traces::TraceKind::tasks ? pack_tasks(options, *machines) : run_jobs(options, *machines);
  if (!telling) return failed(telling.error());
  if (!options.out.empty())
    if (const auto wrote = write_out(options.out, *telling); !wrote) return report(terminal, wrote.error());
  tell(*telling, options, terminal);
  return kDone;
}

}  // namespace troupe

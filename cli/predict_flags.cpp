#include "cli/predict_flags.hpp"

#include <CLI/CLI.hpp>

namespace troupe {

void PredictFlags::add_to(CLI::App& command) {
  command.add_option("FILE", job.file, "a job file, a configuration, or a TorchScript file (.pt, .pth, .ts)")
      ->required();
  command.add_option("--input", script.input, "of a TorchScript file: its input's shape, as 8x1x256x256");
  command.add_option("--optimiser", script.optimiser, "of a TorchScript file: which one trains it")
      ->check(CLI::IsMember({"sgd", "momentum", "adam", "adamw"}))
      ->capture_default_str();
  command.add_flag("--forward-only", script.forward_only, "of a TorchScript file: it is not trained");
  command.add_option("--job", job.job, "which job of a configuration (else that of highest priority)");
  command.add_option("--cores", job.cores, "tell times on 1 to so many cores (else as many as there are)")
      ->check(CLI::Range(1, 1024));
  command.add_option("--out", job.out, "folder for phases.csv and forecast.png");
}

int PredictFlags::run(bool json, const Services& services, const Terminal& terminal) {
  job.json = script.json = json;
  script.file = job.file;
  return is_script(job.file) ? run_predict_script(script, services, terminal)
                             : run_predict(job, services, terminal);
}

}  // namespace troupe

#pragma once
// What `troupe predict` takes: a job or a TorchScript file, by the file's name.
#include "cli/predict.hpp"
#include "cli/predict_script.hpp"

namespace CLI {
class App;
}

namespace troupe {

struct PredictFlags {
  PredictOptions job;
  PredictScriptOptions script;  // its file is the job's

  void add_to(CLI::App& command);
  /// Returns the exit code.
  int run(bool json, const Services& services, const Terminal& terminal);
};

}  // namespace troupe

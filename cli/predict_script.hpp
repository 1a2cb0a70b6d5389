#pragma once
// `predict MODULE.pt`: what a step of a TorchScript file will take, before it is run.
#include <filesystem>
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct PredictScriptOptions {
  std::filesystem::path file;
  std::string input;               // its shape: "8x3x224x224", batch first
  std::string optimiser = "adam";  // meta::ScriptOptions
  bool forward_only = false;
  bool json = false;
};

/// By the name alone: what it holds is looked at later, and held hostile.
bool is_script(const std::filesystem::path& file);

/// Returns the exit code.
int run_predict_script(const PredictScriptOptions& options, const Services& services,
                       const Terminal& terminal);

}  // namespace troupe

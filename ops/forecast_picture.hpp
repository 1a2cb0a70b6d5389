#pragma once
// One picture of a job told beforehand: bytes and seconds of a step, phase by phase.
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {

struct ForecastBar {
  std::string phase;
  double bytes = 0, bytes_on_all = 0;      // on one core, on all of them
  double seconds = 0, seconds_on_all = 0;  // of a step; 0: nobody can tell
};

struct ForecastPicture {
  std::string title;
  int cores = 1;
  double target_seconds = 0;  // of a step; 0: none
  std::vector<ForecastBar> bars;
};

/// Logarithmic axes: a job grows by orders of magnitude.
Result<void> draw_forecast(const ForecastPicture& picture, const std::filesystem::path& png);

}  // namespace troupe

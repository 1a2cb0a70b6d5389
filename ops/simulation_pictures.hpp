#pragma once
// Pictures of simulated jobs, all policies in one: timeline.png, utilisation.png, completion.png.
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "predict/simulate/simulator.hpp"

namespace troupe {

using NamedSimulations = std::vector<std::pair<std::string, simulate::Simulation>>;

Result<void> draw_simulations(const std::filesystem::path& folder, const NamedSimulations& simulations);

}  // namespace troupe

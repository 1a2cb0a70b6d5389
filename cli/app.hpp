#pragma once
// The command line.
#include <string>
#include <vector>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

/// Runs what the arguments (without the program's name) ask for; returns the exit code. Throws nothing.
int run_command(const std::vector<std::string>& arguments, const Services& services,
                const Terminal& terminal);

}  // namespace troupe

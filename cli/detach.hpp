#pragma once
// A cluster in a process of its own, in its own session, its output in RUN/log.txt.
#include "cli/up.hpp"

namespace troupe {

/// Arguments of the process that is started (without the program's name). Pure.
std::vector<std::string> detached_arguments(const UpOptions& options, const std::filesystem::path& run);

/// The last `lines` lines of a text.
std::string last_lines(const std::string& text, int lines);

/// Returns once the cluster answers on its port (0), or its process ended (1, with the log's last lines).
int run_detached(const UpOptions& options, const std::filesystem::path& run, const Services& services,
                 const Terminal& terminal);

}  // namespace troupe

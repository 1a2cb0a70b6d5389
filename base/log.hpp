#pragma once
// Log lines for operators, on stderr. What users read goes through the command's own output.
#include <spdlog/logger.h>
#include <memory>

namespace troupe {
using Log = std::shared_ptr<spdlog::logger>;
/// level: "debug", "info", "warning", "error", "off".
Log make_log(const std::string& level);
Log quiet_log();
}  // namespace troupe

#pragma once
// Which of the traces a file is.
#include <filesystem>

#include "base/error.hpp"

namespace troupe::traces {

enum class TraceKind { tasks, jobs };  // alibaba.hpp, philly.hpp

/// By its header; bad_data where it is neither's.
Result<TraceKind> kind_of_trace(const std::filesystem::path& file);

}  // namespace troupe::traces

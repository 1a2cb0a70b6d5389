#pragma once
// Where the traces lie that a bench replays: none is committed.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "bench/bench.hpp"

namespace troupe::bench {

/// By --traces or TROUPE_TRACES; nothing where neither is given, which is said, and `published` where it is
/// to be had.
inline std::optional<std::filesystem::path> trace_folder(const Report& report, const char* bench,
                                                         const char* published) {
  if (const auto flag = report.flag("traces"); flag && !flag->empty()) return *flag;
  if (const char* set = std::getenv("TROUPE_TRACES"); set && *set != '\0') return set;
  std::fprintf(stderr, "%s: error: the trace is not given (--traces FOLDER, or TROUPE_TRACES). %s\n", bench,
               published);
  return std::nullopt;
}

}  // namespace troupe::bench

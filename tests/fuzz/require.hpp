#pragma once
// What a fuzzer asserts beside what the sanitizers see.
#include <cstdio>
#include <cstdlib>

namespace troupe {

inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace troupe

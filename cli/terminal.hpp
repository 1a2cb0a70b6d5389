#pragma once
// Where a command's text goes. Results on `out`, errors and remarks on `err`.
#include <iosfwd>

#include "base/config.hpp"
#include "base/error.hpp"

namespace troupe {

struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool redraw = false;  // lines may be drawn over: a terminal, not a file
  bool color = false;
  int width = 100;
};

enum ExitCode { kDone = 0, kFailed = 1, kWrongUse = 2, kInterrupted = 130 };

/// Prints the error; returns its exit code.
int report(const Terminal& terminal, const Error& error);
/// All of them; returns 2 (what the user wrote).
int report(const Terminal& terminal, const Errors& errors);

}  // namespace troupe

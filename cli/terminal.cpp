#include "cli/terminal.hpp"

#include <ostream>

namespace troupe {

int report(const Terminal& terminal, const Error& error) {
  terminal.err << error.text() << "\n";
  terminal.err.flush();
  return error.exit_code();
}

int report(const Terminal& terminal, const Errors& errors) {
  for (const Error& error : errors) terminal.err << error.text() << "\n";
  if (errors.size() > 1) terminal.err << errors.size() << " errors\n";
  terminal.err.flush();
  return kWrongUse;
}

}  // namespace troupe

#include "actors/common.hpp"

#include <caf/exit_reason.hpp>
#include <caf/to_string.hpp>

namespace troupe {

std::string describe(const caf::error& reason) {
  if (!reason) return "it had ended";  // an empty error has no category to ask for
  // Compared with errors that are some: one of code 0 is empty, whatever its kind.
  if (reason.category() == caf::make_error(caf::exit_reason::kill).category())
    return caf::to_string(static_cast<caf::exit_reason>(reason.code()));
  std::string context = caf::to_string(reason.context());
  if (reason.category() == caf::make_error(caf::sec::runtime_error).category()) {
    const auto code = static_cast<caf::sec>(reason.code());
    if (code == caf::sec::runtime_error && context.size() > 4) return context.substr(2, context.size() - 4);
    return caf::to_string(code);
  }
  return context;
}

}  // namespace troupe

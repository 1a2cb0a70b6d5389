#include "actors/common.hpp"

#include <caf/exit_reason.hpp>
#include <caf/scoped_actor.hpp>
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

Outcome perform_on(caf::actor_system& system, const slice_actor& slice, const std::string& where,
                   std::function<void()> work) {
  Outcome done;
  caf::scoped_actor me(system);
  me->request(slice, caf::infinite, Perform{std::move(work)})
      .receive([&](Outcome& outcome) { done = std::move(outcome); },
               [&](caf::error& e) {
                 done.error = Error{.code = ErrorCode::peer_failed,
                                    .what = "the slice did not answer: " + describe(e),
                                    .where = where};
               });
  return done;
}

}  // namespace troupe

#pragma once
// What every actor of this folder needs: exceptions that become replies, and exits that name their cause.
#include <caf/error.hpp>
#include <caf/sec.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <string>

#include "actors/protocol.hpp"
#include "base/clock.hpp"

namespace troupe {

using SharedClock = std::shared_ptr<const Clock>;

/// Runs f; what it throws becomes the reply's error.
template <class F>
Outcome outcome_of(const std::string& where, F&& f) {
  try {
    f();
    return {};
  } catch (...) {
    return {from_current_exception(where)};
  }
}

inline Outcome outcome(const Result<void>& result) { return result ? Outcome{} : Outcome{result.error()}; }

/// An exception that leaves a handler ends the actor with a reason that carries the exception's text.
template <class Self>
void name_exceptions(Self* self) {
  self->set_exception_handler([](std::exception_ptr& e) -> caf::error {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception& x) {
      return caf::make_error(caf::sec::runtime_error, std::string(x.what()));
    } catch (...) {
      return caf::make_error(caf::sec::runtime_error, std::string("unknown exception"));
    }
  });
}

/// Has the slice do the work on its own thread, and waits for it: of an actor that may block. `where`: of the
/// error, should the slice be gone.
Outcome perform_on(caf::actor_system& system, const slice_actor& slice, const std::string& where,
                   std::function<void()> work);

/// A caf::error in words.
std::string describe(const caf::error& reason);

}  // namespace troupe

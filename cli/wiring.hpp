#pragma once
// The real Services of the command: the composition root's parts list.
#include "cli/services.hpp"

namespace troupe {
Services real_services(Interrupts& interrupts);
}  // namespace troupe

#pragma once
#include <caf/atom.hpp>

namespace troupe {
/// (hello, client's version) -> cluster's version. Kept the same in every version.
using hello_word = caf::atom_constant<caf::atom("hello")>;
/// (ask, verb, JSON) -> JSON.
using ask_word = caf::atom_constant<caf::atom("ask")>;
}  // namespace troupe

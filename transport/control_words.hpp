#pragma once
#include <caf/atom.hpp>

namespace troupe {
/// (hello, client's version) -> cluster's version. Kept the same in every version.
using hello_word = caf::atom_constant<caf::atom("hello")>;
/// (ask, verb, JSON) -> JSON.
using ask_word = caf::atom_constant<caf::atom("ask")>;
/// (join, JSON, agent) -> JSON: a node comes in; its agent answers (ask, …) from then on.
using join_word = caf::atom_constant<caf::atom("join")>;
/// (tell, JSON): what is not answered.
using tell_word = caf::atom_constant<caf::atom("tell")>;
}  // namespace troupe

#pragma once
#include <caf/atom.hpp>

namespace troupe {
/// (hello, client's version) -> cluster's version. Kept the same in every version.
using hello_word = caf::atom_constant<caf::atom("hello")>;
/// (ask, verb, JSON) -> JSON.
using ask_word = caf::atom_constant<caf::atom("ask")>;
/// (prove) -> JSON: the challenge that a node's proof is to answer; "" where the cluster has no keys.
using prove_word = caf::atom_constant<caf::atom("prove")>;
/// (join, JSON, proof, agent) -> JSON: a node comes in; its agent answers (ask, …) from then on. The proof is
/// join_desk.hpp's, "" without keys; what stands behind the gate is told (join, JSON, agent).
using join_word = caf::atom_constant<caf::atom("join")>;
/// (tell, JSON): what is not answered.
using tell_word = caf::atom_constant<caf::atom("tell")>;
}  // namespace troupe

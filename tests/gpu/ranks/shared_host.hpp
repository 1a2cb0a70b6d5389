#pragma once
// A collective among processes of one machine, over a file that all have mapped: what devices' collectives
// agree by where there is no data plane. Slow and plain; knows at once which process was killed.
#include <memory>
#include <string>

#include "gpu/collective.hpp"

namespace troupe::test {

/// This rank's end. `file`: the same on every rank, made by who comes first, of no other group before.
std::shared_ptr<Collective> open_shared_host(const std::string& file, int rank, int ranks,
                                             double timeout_seconds);

}  // namespace troupe::test

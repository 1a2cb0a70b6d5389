#pragma once
// From sources to the pyramid's records.
#include "base/config.hpp"
#include "base/error.hpp"
#include "data/pyramid.hpp"
#include "data/pyramid_file.hpp"
#include "data/sources.hpp"

namespace troupe {
/// Decodes, cuts, resizes and writes everything, on `threads` threads, and finishes the writer. The bytes do
/// not depend on the number of threads. Errors name the bad file; bad_data where nothing usable is left.
Result<void> build_pyramid(PyramidWriter& writer, const Sources& sources, const DataConfig& data,
                           int smallest, int largest, int threads, const PyramidListener& listener);
}  // namespace troupe

#pragma once
// Which files a data set is made of.
#include <filesystem>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/error.hpp"

namespace troupe {

struct Sources {
  DataKind kind = DataKind::nifti;             // never `automatic`
  std::vector<std::filesystem::path> train;    // absolute; in the order of data.files, else sorted
  std::vector<std::filesystem::path> holdout;  // of data.holdout_path; empty where there is none
};

/// Volumes are looked for in the folder itself, images in its subfolders too. Errors: not_found, io,
/// bad_config (names the key), an empty folder, volumes beside images where data.kind is "automatic".
Result<Sources> find_sources(const DataConfig& data);

/// Hash of the files' paths, sizes and modification times and of every setting that the pyramid depends on.
Result<std::uint64_t> pyramid_key(const Sources& sources, const DataConfig& data, int smallest, int largest);

}  // namespace troupe

#pragma once
// Checkpoints: a folder that is whole or absent. Layout: DIR/step-000001200/{manifest.json, NAME.safetensors …}.
// The manifest is written last; a folder without a valid one does not exist.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {

struct CheckpointFile {
  std::string name;          // "generator0.safetensors"
  std::int64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3-64
};
struct Manifest {
  std::string job, kind, version;
  std::int64_t step = 0;
  std::string phase;
  std::uint64_t config_hash = 0;  // of what decides the bits: a checkpoint of another configuration is refused
  double unix_time = 0;
  std::vector<CheckpointFile> files;
};

class CheckpointStore {
 public:
  CheckpointStore(std::filesystem::path dir, int keep);
  /// A fresh folder to write the files of `step` into (a half-written one of a dead process is emptied).
  Result<std::filesystem::path> begin(std::int64_t step);
  /// Checks and sums the files, syncs, writes the manifest, renames, then drops all but the last `keep`.
  Result<Manifest> commit(std::int64_t step, Manifest manifest, const std::vector<std::string>& files);
  struct Found {
    std::filesystem::path dir;
    Manifest manifest;
    std::vector<Error> skipped;  // newer ones that were truncated, altered or unreadable, each with what was wrong
  };
  /// The newest whole checkpoint. not_found where there is none (with `skipped` in the hint).
  Result<Found> latest() const;

 private:
  std::filesystem::path dir_;
  int keep_;
};

}  // namespace troupe

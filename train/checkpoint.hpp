#pragma once
// Checkpoints: a folder that is whole or absent. Layout: DIR/step-000001200/{manifest.json, NAME.safetensors
// …}. The manifest is written last; a folder without a valid one does not exist. One writer a folder DIR, one
// checkpoint at a time; readers may come at any moment.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace troupe {

struct CheckpointFile {
  std::string name;  // "generator0.safetensors"
  std::int64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3-64
};
struct Manifest {
  std::string job, kind, version;
  std::int64_t step = 0;
  std::string phase;
  std::uint64_t config_hash =
      0;  // of what decides the bits: a checkpoint of another configuration is refused
  double unix_time = 0;
  std::vector<CheckpointFile> files;
};

class CheckpointStore {
 public:
  /// Called with the name of each stage of begin() and commit() as it is reached: tests kill the process
  /// there.
  using StageHook = std::function<void(std::string_view stage)>;

  /// keep: whole checkpoints left after a commit, at least 1.
  CheckpointStore(std::filesystem::path dir, int keep, StageHook at_stage = {});
  /// A fresh folder to write the files of `step` into; what dead processes left half-written is removed.
  Result<std::filesystem::path> begin(std::int64_t step);
  /// Checks and sums the files, syncs, writes the manifest, renames, then drops all but the last `keep`.
  /// The step's own earlier checkpoint, if any, is exchanged for this one. Job, kind, version, phase,
  /// config_hash and unix_time are taken from `manifest`; step and files are filled in. On an error nothing
  /// of the step is left.
  Result<Manifest> commit(std::int64_t step, Manifest manifest, const std::vector<std::string>& files);
  /// Where the committed checkpoint of `step` lies.
  std::filesystem::path path_of(std::int64_t step) const;
  /// Gives up a checkpoint that was begun: its half-written folder is removed.
  void discard(std::int64_t step) noexcept;
  struct Found {
    std::filesystem::path dir;
    Manifest manifest;
    std::vector<Error>
        skipped;  // newer ones that were truncated, altered or unreadable, each with what was wrong
  };
  /// The newest whole checkpoint. not_found where there is none (with `skipped` in the hint).
  Result<Found> latest() const;

 private:
  void stage(std::string_view name) const;
  std::filesystem::path half_written(std::int64_t step) const;
  Result<Manifest> publish(std::int64_t step, Manifest manifest, const std::vector<std::string>& files);
  void prune(std::int64_t committed) const;
  void drop(const std::filesystem::path& folder) const;

  std::filesystem::path dir_;
  int keep_;
  StageHook at_stage_;
};

}  // namespace troupe

#pragma once
// Who is on the list of a cluster's keys, as the head asks at each join. The file is read when it changed
// alone: a storm of joins must not be one of disk reads.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "transport/keys.hpp"

namespace troupe {

/// FOLDER/public.json. One thread at a time.
class KeyList {
 public:
  KeyList(std::filesystem::path folder, std::string cluster)
      : folder_(std::move(folder)), cluster_(std::move(cluster)) {}

  /// Error bad_config unless the list, as it is now, has a node of that name with that certificate and that
  /// public CURVE key: nodes get theirs while a cluster runs, and a renewed one takes the place of the old.
  Result<void> check(const KeyCard& shown, const std::string& curve, double unix_time);
  /// How often the file was read.
  std::int64_t reads() const { return reads_; }

 private:
  /// What tells one state of a file from another: who writes it anew makes another file and renames it.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    std::int64_t modified = 0, changed = 0;  // nanoseconds
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  Stamp stamp() const;
  Result<void> refresh(double unix_time);

  const std::filesystem::path folder_;
  const std::string cluster_;
  nlohmann::json list_;
  std::optional<Stamp> of_;  // the state that `list_` is of; none: it is to be read
  std::int64_t reads_ = 0;
};

}  // namespace troupe

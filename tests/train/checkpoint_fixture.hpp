#pragma once
// Checkpoints of two small files whose contents tell their step.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.hpp"
#include "tests/train/temporary.hpp"
#include "train/checkpoint.hpp"

namespace troupe::test {

inline std::string contents(std::int64_t step, const std::string& name, std::size_t bytes = 5000) {
  std::string text;
  while (text.size() < bytes) text += name + " of step " + std::to_string(step) + "\n";
  return text;
}

inline const std::vector<std::string> kNames = {"generator0.safetensors", "discriminator.safetensors"};

inline Manifest description() {
  Manifest m;
  m.job = "gan", m.kind = "gan", m.version = "0.1.0", m.phase = "8x8", m.config_hash = 0xfedcba9876543210u;
  m.unix_time = 1234.5;
  return m;
}

/// One whole checkpoint, or the first error.
inline Result<Manifest> save(CheckpointStore& store, std::int64_t step, std::size_t bytes = 5000) {
  const auto folder = store.begin(step);
  if (!folder) return fail(folder.error());
  for (const auto& name : kNames)
    if (auto written = write_file(*folder / name, contents(step, name, bytes)); !written) {
      store.discard(step);
      return fail(written.error());
    }
  return store.commit(step, description(), kNames);
}

/// The folder's names, dots and all, in order.
inline std::vector<std::string> listing(const std::filesystem::path& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

class Checkpoints : public testing::Test {
 protected:
  std::filesystem::path dir() const { return folder_.path() / "checkpoints"; }
  std::filesystem::path at(std::int64_t step, const std::string& name) const {
    char text[32];
    std::snprintf(text, sizeof text, "step-%09lld", static_cast<long long>(step));
    return dir() / text / name;
  }
  TempFolder folder_;
};

}  // namespace troupe::test

#pragma once
// The safetensors format: 8 bytes little-endian header length, a JSON header, raw tensors. Readable with Python's
// package of that name. A file is hostile until parsed.
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {
struct TensorRef {                 // to write: F32, contiguous
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};
struct TensorFile {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, std::string> metadata;
};
Result<void> write_safetensors(const std::filesystem::path& file, std::span<const TensorRef> tensors,
                               const std::map<std::string, std::string>& metadata);
Result<TensorFile> read_safetensors(const std::filesystem::path& file);
}  // namespace troupe

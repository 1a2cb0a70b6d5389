#pragma once
// The safetensors format: 8 bytes little-endian header length, a JSON header, raw tensors. Readable with
// Python's package of that name. A file is hostile until parsed.
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {
struct TensorRef {  // to write: F32, contiguous
  std::string name;
  std::vector<std::int64_t> shape;
  std::span<const float> values;
};
struct TensorFile {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::map<std::string, std::vector<float>> values;
  std::map<std::string, std::string> metadata;
};
/// Written beside `file`, synced, renamed: whole or absent. Errors: io; internal where a shape does not fit
/// its values or a name is used twice.
Result<void> write_safetensors(const std::filesystem::path& file, std::span<const TensorRef> tensors,
                               const std::map<std::string, std::string>& metadata);
/// Only F32 is read. Tensors must cover the data part without gap or overlap, as Python's package demands.
/// Errors: not_found, io, bad_data with the tensor or field that lies. Nothing is allocated for a tensor
/// before its range was checked against the size of the file.
Result<TensorFile> read_safetensors(const std::filesystem::path& file);
}  // namespace troupe

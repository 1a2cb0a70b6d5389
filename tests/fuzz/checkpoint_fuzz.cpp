// No bytes crash what reads a checkpoint: its manifest, and tensors in the safetensors format.
#include <sys/mman.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "tests/fuzz/require.hpp"
#include "train/manifest.hpp"
#include "train/safetensors.hpp"

namespace {

using namespace troupe;

/// A file that exists in memory alone, and is never closed.
class MemoryFile {
 public:
  void write(const std::uint8_t* bytes, std::size_t size) const {
    require(::ftruncate(file_, 0) == 0 && ::pwrite(file_, bytes, size, 0) == static_cast<ssize_t>(size),
            "a file");
  }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_ = ::memfd_create("fuzz", 0);
};

void look_at_tensors(const std::filesystem::path& file, std::size_t size) {
  const auto read = read_safetensors(file);
  if (!read) {
    require(!read.error().what.empty() && read.error().code == ErrorCode::bad_data, "a refusal has a reason");
    return;
  }
  std::size_t bytes = 0;
  for (const auto& [name, values] : read->values) {
    std::int64_t count = 1;
    for (const auto d : read->shapes.at(name)) count *= d;
    require(count == static_cast<std::int64_t>(values.size()), "a tensor has its shape's size");
    bytes += values.size() * sizeof(float);
  }
  require(bytes < size, "nothing is read that is not there");
}

void look_at_manifest(const std::string& text) {
  const auto manifest = parse_manifest(text, "manifest.json");
  if (!manifest) {
    require(manifest.error().code == ErrorCode::bad_data, "a refusal has a reason");
    return;
  }
  for (const auto& file : manifest->files)
    require(is_plain_name(file.name) && file.bytes >= 0, "a file of a checkpoint lies in its folder");
}

/// The same with the sum that belongs to it: what a sum keeps out is read too.
void look_at_summed(const std::string& text) {
  bool deep = false;
  const auto shallow = [&deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    deep = deep || depth > 8;
    return !deep;
  };
  auto value = nlohmann::json::parse(text, shallow, false);
  if (deep || !value.is_object()) return;
  value.erase("manifest_xxh3_64");
  const auto dump = [&value] { return value.dump(1, ' ', false, nlohmann::json::error_handler_t::replace); };
  const auto plain = dump();
  value["manifest_xxh3_64"] = hex(hash_bytes(plain.data(), plain.size()));
  look_at_manifest(dump());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const MemoryFile file;
  file.write(bytes, size);
  look_at_tensors(file.path(), size);
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  look_at_manifest(text);
  look_at_summed(text);
  return 0;
}

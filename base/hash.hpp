#pragma once
// XXH3-64 over bytes: parameters' hashes, checkpoint checksums, pyramid keys. Not cryptographic.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace troupe {
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void add(const void* data, std::size_t bytes);
  void add(std::string_view text) { add(text.data(), text.size()); }
  std::uint64_t value() const;

 private:
  void* state_;
};
std::uint64_t hash_bytes(const void* data, std::size_t bytes);
std::string hex(std::uint64_t value);  // 16 digits
}  // namespace troupe

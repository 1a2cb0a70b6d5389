#include "base/hash.hpp"

#include <xxhash.h>

#include <cstdio>
#include <new>

namespace troupe {
namespace {
XXH3_state_t* as_state(void* state) { return static_cast<XXH3_state_t*>(state); }
}  // namespace

Hasher::Hasher() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(as_state(state_));
}

Hasher::~Hasher() { XXH3_freeState(as_state(state_)); }

void Hasher::add(const void* data, std::size_t bytes) {
  if (bytes > 0) XXH3_64bits_update(as_state(state_), data, bytes);
}

std::uint64_t Hasher::value() const { return XXH3_64bits_digest(as_state(state_)); }

std::uint64_t hash_bytes(const void* data, std::size_t bytes) {
  return bytes > 0 ? XXH3_64bits(data, bytes) : XXH3_64bits("", 0);
}

std::string hex(std::uint64_t value) {
  char out[17];
  std::snprintf(out, sizeof out, "%016llx", static_cast<unsigned long long>(value));
  return out;
}

}  // namespace troupe

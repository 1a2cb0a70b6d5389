#pragma once
// What is sent beside a header: memory that somebody else owns.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace troupe {

/// `owner` keeps every part alive and unchanged until the last byte has left; it is dropped on a thread of
/// the data plane. Nothing is copied on the way to the sockets.
struct Payload {
  std::vector<std::span<const std::byte>> parts;
  std::shared_ptr<const void> owner;

  std::uint64_t size() const {
    std::uint64_t bytes = 0;
    for (const auto& part : parts) bytes += part.size();
    return bytes;
  }
};

}  // namespace troupe

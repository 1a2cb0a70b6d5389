#pragma once
// What a convolution's backend takes beside its result and gives back: reordered weights, rows of scratch.
#include <cstdint>
#include <map>
#include <mutex>
#include <tuple>

#include "train/gan/conv.hpp"
#include "train/gan/dry_run.hpp"

namespace troupe::gan {

/// Depends on the backend, its version and the processor's instruction set, so it is measured, here: each
/// convolution once, at its real size. It hardly depends on the number of images (on channels-last tensors
/// oneDNN reorders weights alone) but that one image goes to another backend; so as many as there are take
/// part up to kPixels, and at least two. Thread-safe.
class Workspaces {
 public:
  static constexpr std::int64_t kPixels = 65'536;
  /// Bytes as an Account is charged with them. `size`: the larger side of the convolution's input and output.
  std::int64_t of(const Conv& conv, Pass pass, std::int64_t images, std::int64_t size);
  std::size_t measured() const;

 private:
  struct Bytes {
    std::int64_t of_pass[3];
  };
  using Key = std::tuple<Kernel, int, int, std::int64_t, std::int64_t>;
  static Bytes measure(const Conv& conv, std::int64_t images, std::int64_t size);

  mutable std::mutex mutex_;
  std::map<Key, Bytes> known_;
};

}  // namespace troupe::gan

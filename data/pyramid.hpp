#pragma once
// The data set at every resolution of a progressive GAN: built once, in parallel, then memory-mapped; a
// change of phase decodes nothing.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/config.hpp"
#include "base/error.hpp"

namespace troupe {

/// Read-only and thread-safe. Images are stored as 8-bit levels, channel planes (CHW), square.
class Pyramid {
 public:
  virtual ~Pyramid() = default;
  virtual int channels() const = 0;
  virtual int smallest() const = 0;  // resolutions: powers of two, smallest() … largest()
  virtual int largest() const = 0;
  enum class Part { train, holdout };
  virtual std::int64_t count(Part part) const = 0;
  /// channels * size * size levels of one image.
  virtual std::span<const std::uint8_t> levels(Part part, int size, std::int64_t index) const = 0;
  /// The same as floats in -1 … 1 (level / 127.5 - 1), CHW.
  void read(Part part, int size, std::int64_t index, std::span<float> out) const;
  virtual std::uint64_t key() const = 0;  // hash of sources and settings: paths, sizes, times
  /// Hash of the images themselves, in their order and parts, wherever their sources lie. 0: not known.
  virtual std::uint64_t content() const { return 0; }
};

struct PyramidProgress {
  std::string stage;  // "decode" (files), "resize" (slices of one axis, or images), "write"
  std::int64_t done = 0, total = 0;
};
/// Called by one thread at a time, not always the same one.
using PyramidListener = std::function<void(const PyramidProgress&)>;

/// Opens the cached pyramid of this data, or builds it with `threads` threads in `cache` (atomically: a
/// broken or half-written one is rebuilt; of two that build the same, one waits for the other). Errors name
/// the file that was bad; an empty data set is an error. Who builds one removes the longest unused beyond
/// data.cache_keep, but none that anybody has open.
Result<std::shared_ptr<const Pyramid>> open_pyramid(const DataConfig& data, int smallest, int largest,
                                                    const std::filesystem::path& cache, int threads,
                                                    const PyramidListener& listener = {});

}  // namespace troupe

#pragma once
// The pyramid on disk. One record an image, its resolutions in it from the smallest up, each as channel
// planes of 8-bit levels: a record can be written as soon as the image is known, in any order, by any thread,
// while nobody knows yet how many there will be. Behind the records stands which of them are for training and
// which are held out.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "data/pyramid.hpp"

namespace troupe {

struct PyramidShape {
  int channels = 1, smallest = 4, largest = 4;
  std::int64_t offset(int size) const;  // of a resolution in a record
  std::int64_t record_bytes() const;
};

struct PyramidPath {
  std::filesystem::path file;
  std::uint64_t key = 0;
};

/// Maps the file. bad_data with what is wrong: another key or version, cut short, a checksum that does not
/// match.
Result<std::shared_ptr<const Pyramid>> open_pyramid_file(const PyramidPath& path);

/// Writes beside the final name, under a lock that others who build the same wait for; nothing stays behind
/// unless finish() succeeds.
class PyramidWriter {
 public:
  static Result<std::unique_ptr<PyramidWriter>> create(const PyramidPath& path);
  ~PyramidWriter();
  PyramidWriter(const PyramidWriter&) = delete;
  PyramidWriter& operator=(const PyramidWriter&) = delete;
  /// Before the first record.
  void set_shape(const PyramidShape& shape) { shape_ = shape; }
  const PyramidShape& shape() const { return shape_; }
  /// Thread-safe; record_bytes() bytes.
  Result<void> write(std::int64_t record, std::span<const std::uint8_t> bytes);
  /// `train` and `holdout` name records; together all of them. Syncs and renames.
  Result<void> finish(const std::vector<std::int64_t>& train, const std::vector<std::int64_t>& holdout);

 private:
  PyramidWriter(PyramidPath path, std::filesystem::path part, int fd);
  Result<void> put(std::int64_t at, const void* bytes, std::size_t count) const;
  std::uint64_t content(const std::vector<std::int64_t>& order, std::size_t train) const;
  PyramidPath path_;
  std::filesystem::path part_;
  int fd_;
  PyramidShape shape_;
  std::mutex mutex_;
  std::vector<std::uint64_t> hashes_;  // of records
};

}  // namespace troupe

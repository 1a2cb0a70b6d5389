#pragma once
// A file that grows by whole lines.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/error.hpp"

namespace troupe {
/// Appends whole lines. What a full disk refuses is cut off at the last line's end, kept in memory and goes
/// out before the next line: a reader never meets half a line in the middle, and a disk that was full for a
/// while costs nothing. One writer a file; one thread.
class LineFile {
 public:
  /// Bytes of refused lines that are kept; those beyond are dropped, which append() says.
  static constexpr std::size_t kMostKept = std::size_t{16} << 20;

  /// Made where there is none. A last line without an end (a crash cut it) is dropped.
  static Result<std::unique_ptr<LineFile>> open(const std::filesystem::path& file);
  /// Tries once more to write what was kept.
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  /// `lines` is one line or more, each with its end. Error io: what was not written is kept.
  Result<void> append(std::string_view lines);
  /// Writes what was kept, if anything was.
  Result<void> flush();
  /// Nothing was ever appended, before or after it was opened.
  bool empty() const { return size_ == 0 && kept_.empty(); }

 private:
  LineFile(Descriptor fd, std::filesystem::path file, std::int64_t size)
      : fd_(std::move(fd)), file_(std::move(file)), size_(size) {}

  Descriptor fd_;
  std::filesystem::path file_;
  std::int64_t size_;  // bytes of whole lines in the file
  std::string kept_;   // lines not yet written
};
}  // namespace troupe

#include "base/line_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"

namespace troupe {
namespace {

/// Cuts off a last line without an end; the size that is left.
Result<std::int64_t> drop_cut_line(int fd, const std::filesystem::path& file) {
  off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return fail(io_error("can't read", file, errno));
  const off_t size = end;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd, &last, 1, end - 1) != 1) return fail(io_error("can't read", file, errno));
    if (last == '\n') break;
  }
  if (end < size && ::ftruncate(fd, end) != 0) return fail(io_error("can't write", file, errno));
  return end;
}

}  // namespace

Result<std::unique_ptr<LineFile>> LineFile::open(const std::filesystem::path& file) {
  Descriptor fd(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (fd.get() < 0) return fail(io_error("can't open", file, errno));
  auto size = drop_cut_line(fd.get(), file);
  if (!size) return fail(size.error());
  return std::unique_ptr<LineFile>(new LineFile(std::move(fd), file, *size));
}

LineFile::~LineFile() { (void)flush(); }

Result<void> LineFile::append(std::string_view lines) {
  if (!kept_.empty() && kept_.size() + lines.size() > kMostKept) {
    if (auto written = flush(); !written) {
      written.error().hint +=
          fmt::format(". More than {} bytes wait already: these lines are lost", kMostKept);
      return written;
    }
  }
  kept_ += lines;
  return flush();
}

Result<void> LineFile::flush() {
  std::size_t done = 0;
  int reason = 0;
  while (done < kept_.size() && reason == 0) {
    const ssize_t n = ::write(fd_.get(), kept_.data() + done, kept_.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      reason = errno;
    }
  }
  if (reason != 0) {
    const auto last = done == 0 ? std::string::npos : kept_.rfind('\n', done - 1);
    const std::size_t whole = last == std::string::npos ? 0 : last + 1;
    // where even cutting fails, the rest of the line follows what is there of it
    if (whole < done && ::ftruncate(fd_.get(), size_ + static_cast<off_t>(whole)) == 0) done = whole;
  }
  size_ += static_cast<std::int64_t>(done);
  kept_.erase(0, done);
  if (reason != 0) return fail(io_error("can't write", file_, reason));
  return {};
}

}  // namespace troupe

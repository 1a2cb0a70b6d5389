#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/descriptor.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

int open_retrying(const fs::path& path, int flags, mode_t mode = 0) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

Result<void> write_all(int fd, std::string_view bytes, const fs::path& path) {
  constexpr std::size_t most = std::size_t{1} << 30;  // Linux writes at most 2 GiB a call
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), std::min(bytes.size(), most));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("can't write", path, errno));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> read_all(int fd, const fs::path& path, std::size_t expected, std::int64_t max_bytes) {
  std::string out(expected, '\0');
  std::size_t used = 0;
  for (;;) {
    const ssize_t n = ::read(fd, out.data() + used, out.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("can't read", path, errno));
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
    if (static_cast<std::int64_t>(used) > max_bytes) {
      Error e = io_error("can't read", path, EFBIG);
      e.allowed = fmt::format("at most {} bytes", max_bytes);
      return fail(std::move(e));
    }
    if (used == out.size()) out.resize(out.size() * 2 + 4096);
  }
  out.resize(used);
  return out;
}

// A name of its own for each writer, so that two threads that write the same file don't mix.
struct Temporary {
  int fd;
  fs::path path;
};
Result<Temporary> open_temporary(const fs::path& target, mode_t mode = 0666) {
  const std::string stem =
      fmt::format(".{}.{}.{}.", target.filename().string().substr(0, 200), ::getpid(), ::gettid());
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const fs::path path = target.parent_path() / fmt::format("{}{}.tmp", stem, attempt);
    const int fd = open_retrying(path, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd >= 0) return Temporary{fd, path};
    if (errno != EEXIST) return fail(io_error("can't create", target, errno));
  }
  return fail(io_error("can't create", target, EEXIST));
}

Result<void> fill_and_rename(const Temporary& temporary, const fs::path& path, std::string_view bytes) {
  Descriptor file(temporary.fd);
  if (auto written = write_all(file.get(), bytes, path); !written) return written;
  if (::fsync(file.get()) != 0) return fail(io_error("can't sync", path, errno));
  if (file.close() != 0) return fail(io_error("can't write", path, errno));
  if (::rename(temporary.path.c_str(), path.c_str()) != 0) return fail(io_error("can't create", path, errno));
  return {};
}

fs::path folder_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

}  // namespace

Error io_error(std::string what, const fs::path& path, int error_number) {
  Error e;
  e.code = ErrorCode::io;
  e.what = std::move(what) + ": " + std::system_category().message(error_number);
  e.where = path.string();
  if (error_number == ENOSPC || error_number == EDQUOT) e.hint = "Free some space or choose another folder";
  return e;
}

Result<std::string> read_file(const fs::path& path, std::int64_t max_bytes) {
  const Descriptor file(open_retrying(path, O_RDONLY));
  if (file.get() < 0) {
    const int reason = errno;
    Error e = io_error("can't read", path, reason);
    if (reason == ENOENT || reason == ENOTDIR) e.code = ErrorCode::not_found;
    return fail(std::move(e));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(io_error("can't read", path, errno));
  if (S_ISDIR(status.st_mode)) return fail(io_error("can't read", path, EISDIR));
  // the size is a hint only: files of /proc have none, and a file may grow while it is read
  const std::int64_t expected = std::clamp<std::int64_t>(status.st_size, 0, max_bytes);
  try {
    return read_all(file.get(), path, static_cast<std::size_t>(expected) + 1, max_bytes);
  } catch (const std::exception&) {  // bad_alloc or length_error
    return fail(io_error("can't read", path, ENOMEM));
  }
}

Result<void> write_file(const fs::path& path, std::string_view bytes, mode_t mode) {
  auto temporary = open_temporary(path, mode);
  if (!temporary) return fail(std::move(temporary.error()));
  if (auto done = fill_and_rename(*temporary, path, bytes); !done) {
    ::unlink(temporary->path.c_str());
    return done;
  }
  return sync_folder(folder_of(path));
}

Result<void> make_writable_folder(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return fail(io_error("can't create the folder", path, failed.value()));
  const fs::path probe = path / "probe";
  auto temporary = open_temporary(probe);
  if (!temporary) return fail(std::move(temporary.error()));
  const Descriptor file(temporary->fd);
  auto written = write_all(file.get(), "x", path);
  ::unlink(temporary->path.c_str());
  return written;
}

Result<void> sync_folder(const fs::path& path) {
  const Descriptor folder(open_retrying(path, O_RDONLY | O_DIRECTORY));
  if (folder.get() < 0) return fail(io_error("can't open the folder", path, errno));
  if (::fsync(folder.get()) != 0 && errno != EINVAL)
    return fail(io_error("can't sync the folder", path, errno));
  return {};
}

}  // namespace troupe

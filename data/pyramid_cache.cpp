#include "data/pyramid_cache.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace troupe {
namespace {

namespace fs = std::filesystem;

bool lock(const Descriptor& file, int how) {
  int result = 0;
  while ((result = ::flock(file.get(), how)) != 0 && errno == EINTR) {
  }
  return result == 0;
}

/// Whether the file that is open is the one of that name; else it was removed, and maybe made anew.
bool is_named(const Descriptor& file, const fs::path& name) {
  struct stat held {
  }, named{};
  return ::fstat(file.get(), &held) == 0 && ::stat(name.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

fs::path use_of(const fs::path& pyramid) { return fs::path(pyramid).replace_extension(".use"); }

/// Nanoseconds since 1970; 0 where there is no such file.
std::int64_t modified(const fs::path& file) {
  struct stat s {};
  if (::stat(file.c_str(), &s) != 0) return 0;
  return std::int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
}

/// A builder keeps its file locked.
void remove_if_left(const fs::path& part) {
  const Descriptor file(::open(part.c_str(), O_RDWR | O_CLOEXEC));
  if (file.get() >= 0 && lock(file, LOCK_EX | LOCK_NB) && is_named(file, part)) ::unlink(part.c_str());
}

/// Nobody can begin to use it while the lock is held; who waits for it then finds another file there, or
/// none.
void remove_if_unused(const fs::path& pyramid) {
  const fs::path use = use_of(pyramid);
  const Descriptor file(::open(use.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0 || !lock(file, LOCK_EX | LOCK_NB) || !is_named(file, use)) return;
  ::unlink(pyramid.c_str());
  ::unlink(use.c_str());
}

}  // namespace

PyramidUse PyramidUse::take(const fs::path& pyramid) {
  const fs::path use = use_of(pyramid);
  for (;;) {
    int fd = ::open(use.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) fd = ::open(use.c_str(), O_RDONLY | O_CLOEXEC);  // another user's
    Descriptor file(fd);
    if (file.get() < 0 || !lock(file, LOCK_SH)) return {};
    if (!is_named(file, use)) continue;
    ::futimens(file.get(), nullptr);  // another user's keeps its time
    return PyramidUse(std::move(file));
  }
}

void sweep_pyramids(const fs::path& cache, int keep) {
  std::vector<std::pair<std::int64_t, fs::path>> pyramids;
  std::error_code failed;
  for (fs::directory_iterator at(cache, failed), end; !failed && at != end; at.increment(failed)) {
    const fs::path& file = at->path();
    if (file.extension() == ".part") remove_if_left(file);
    if (file.extension() == ".pyramid")
      pyramids.emplace_back(std::max(modified(file), modified(use_of(file))), file);
  }
  std::sort(pyramids.begin(), pyramids.end(), std::greater<>());
  for (auto i = static_cast<std::size_t>(std::max(keep, 1)); i < pyramids.size(); ++i)
    remove_if_unused(pyramids[i].second);
}

}  // namespace troupe

#pragma once
// A file descriptor that closes itself.
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace troupe {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  /// close(2)'s own answer: a delayed write error is told here.
  int close() { return ::close(release()); }

 private:
  int fd_;
};

/// As many as this process may ever have. The usual limit is low for the sake of select(), which nothing here
/// uses.
inline void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace troupe

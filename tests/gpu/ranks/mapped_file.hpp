#pragma once
// A file of zeros that several processes map, made by who comes first.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

namespace troupe::test {

/// Between two looks at what another process is about to write: soon at first, then without taking its core.
class Patience {
 public:
  void wait() {
    if (++looks_ < kSoon)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

 private:
  static constexpr int kSoon = 100;
  int looks_ = 0;
};

class MappedFile {
 public:
  MappedFile(const std::string& path, std::size_t bytes)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), bytes_(bytes) {
    if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(bytes)) != 0)
      throw std::system_error(errno, std::generic_category(), path);
    at_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (at_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), path);
  }
  ~MappedFile() {
    ::munmap(at_, bytes_);
    ::close(file_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  void* at() const noexcept { return at_; }

  /// One byte of the file is this object's until it goes, or its process is killed.
  void claim(int byte) const { (void)lock(byte, F_OFD_SETLK); }
  bool claimed_by_another(int byte) const { return lock(byte, F_OFD_GETLK) != F_UNLCK; }

 private:
  int lock(int byte, int how) const {
    struct flock one {};
    one.l_type = F_WRLCK;
    one.l_whence = SEEK_SET;
    one.l_start = byte;
    one.l_len = 1;
    (void)::fcntl(file_, how, &one);
    return one.l_type;
  }
  int file_;
  std::size_t bytes_;
  void* at_ = nullptr;
};

}  // namespace troupe::test

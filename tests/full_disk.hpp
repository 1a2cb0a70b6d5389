#pragma once
// Full disks for tests: a small file system of its own where the test may mount one (root), else a limit on
// the size of every file, past which a write fails as one to a full disk does.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

namespace troupe::test {

/// Files larger than `bytes` cannot be written while it lives; the signal that goes with it is ignored.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit tight{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &tight);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

/// A tmpfs of `bytes` over `folder`, which is made; gone with all in it when the object goes. Where it can't
/// be mounted, says so, and fill() limits the size of files instead.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, std::size_t bytes) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    const std::string options = "size=" + std::to_string(bytes);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, options.c_str()) == 0;
    if (!mounted_)
      std::cout << "no tmpfs may be mounted here: a limit on the size of files stands in for it\n";
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  /// Takes all room that is left but `spare` bytes. Without a mount of its own: no file may be larger than
  /// `stand_in`.
  void fill(std::size_t spare, rlim_t stand_in) {
    if (!mounted_) return void(limit_.emplace(stand_in));
    const auto free = std::filesystem::space(folder_).available;
    std::ofstream ballast(folder_ / kBallast, std::ios::binary);
    for (std::size_t left = free > spare ? free - spare : 0; left > 0;) {
      const std::size_t n = std::min<std::size_t>(left, 4096);
      ballast << std::string(n, 'b');
      left -= n;
    }
    ballast.flush();
    EXPECT_TRUE(ballast.good()) << "the ballast itself did not fit";
  }
  void make_room() {
    limit_.reset();
    std::filesystem::remove(folder_ / kBallast);
  }

 private:
  static constexpr const char* kBallast = ".ballast";
  std::filesystem::path folder_;
  bool mounted_ = false;
  std::optional<FileSizeLimit> limit_;
};

}  // namespace troupe::test

#pragma once
// Keys for tests: made in a folder of their own, as old or as new as a test wants them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "tests/temp_folder.hpp"
#include "transport/keys.hpp"

namespace troupe::test {

inline double now() { return SystemClock().unix_time(); }
constexpr double kDay = 86400;

/// The keys of one cluster.
struct KeyPlace {
  TempFolder outer;
  std::filesystem::path path = outer.path() / "keys";

  explicit KeyPlace(double made = now(), int days = 825) {
    const auto keys = init_keys(path, made, days);
    if (!keys) ADD_FAILURE() << keys.error().text();
  }
  KeyPlace& add(const std::string& name, KeyRole role, double made = now(), int days = 825) {
    const auto keys = add_key(path, {.name = name, .role = role, .days = days}, made);
    if (!keys) ADD_FAILURE() << keys.error().text();
    return *this;
  }
  /// As they are at a moment: then an expired key loads that was good at that time.
  std::shared_ptr<const Keys> load(const std::string& name, double at = now()) const {
    auto keys = load_keys(path, at, name);
    if (!keys) ADD_FAILURE() << keys.error().text();
    return keys ? *keys : nullptr;
  }
  std::filesystem::path operator/(const std::string& file) const { return path / file; }
};

inline unsigned mode_of(const std::filesystem::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

inline std::string text_of(const std::filesystem::path& file) { return read_file(file).value_or(""); }

}  // namespace troupe::test

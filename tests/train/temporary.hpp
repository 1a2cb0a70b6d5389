#pragma once
// What the tests of train/ share: a folder that goes with the test, whole files as text, Python.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace troupe::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-train-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code code;
    std::filesystem::remove_all(path_, code);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void spill(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

/// Standard output of `python SCRIPT ARGUMENTS…`; a failure of the program is a failure of the test.
inline std::string run_python(const std::string& python, const std::filesystem::path& script,
                              const std::vector<std::filesystem::path>& arguments) {
  std::ostringstream command;
  command << "'" << python << "' " << script;  // a path is printed in quotes
  for (const auto& argument : arguments) command << ' ' << argument;
  std::FILE* pipe = ::popen(command.str().c_str(), "r");
  std::string out;
  std::array<char, 4096> block{};
  while (pipe != nullptr && std::fgets(block.data(), block.size(), pipe) != nullptr) out += block.data();
  EXPECT_TRUE(pipe != nullptr && ::pclose(pipe) == 0) << command.str() << "\n" << out;
  return out;
}

}  // namespace troupe::test

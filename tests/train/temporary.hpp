#pragma once
// What the tests of train/ share: whole files as text, Python.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/temp_folder.hpp"

namespace troupe::test {

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

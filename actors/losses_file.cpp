#include "actors/losses_file.hpp"

#include <fmt/core.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/files.hpp"

namespace troupe {

Result<std::unique_ptr<LineFile>> open_losses(const std::filesystem::path& file, std::int64_t step) {
  std::string kept;
  if (std::ifstream in(file); in && step > 0) {
    std::string line;
    for (bool header = true; std::getline(in, line); header = false) {
      if (in.eof()) break;  // a row without its line end was cut by a crash
      if (!header && std::atoll(line.c_str()) >= step) break;
      kept += line + "\n";
    }
  }
  if (auto written = write_file(file, kept); !written) return fail(written.error());
  return LineFile::open(file);
}

std::int64_t count_losses(const std::filesystem::path& file) {
  std::int64_t rows = 0;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);  // the header
  while (std::getline(in, line) && !in.eof() && line.starts_with(std::to_string(rows) + ",")) ++rows;
  return rows;
}

Result<void> append_losses(LineFile& file, const std::vector<StepStats>& steps) {
  std::string rows;
  for (const auto& step : steps) {
    if (rows.empty() && file.empty()) {
      rows += "step";
      for (const auto& score : step.scores) rows += "," + score.name;
      rows += '\n';
    }
    rows += fmt::format("{}", step.step);
    for (const auto& score : step.scores) rows += fmt::format(",{:.17g}", score.value);
    rows += '\n';
  }
  return file.append(rows);
}

}  // namespace troupe

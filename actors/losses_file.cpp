#include "actors/losses_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/files.hpp"

namespace troupe {

Result<std::FILE*> open_losses(const std::filesystem::path& file, std::int64_t step) {
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
  std::FILE* f = std::fopen(file.c_str(), "a");
  if (f == nullptr) return fail(io_error("cannot open the loss file", file, errno));
  return f;
}

Result<void> append_losses(std::FILE* file, const std::vector<StepStats>& steps) {
  for (const auto& step : steps) {
    if (std::ftell(file) == 0) {
      std::fputs("step", file);
      for (const auto& score : step.scores) std::fprintf(file, ",%s", score.name.c_str());
      std::fputc('\n', file);
    }
    std::fprintf(file, "%lld", static_cast<long long>(step.step));
    for (const auto& score : step.scores) std::fprintf(file, ",%.17g", score.value);
    std::fputc('\n', file);
  }
  if (std::fflush(file) != 0 || std::ferror(file) != 0) {
    std::clearerr(file);
    return fail(io_error("cannot write losses", "losses.csv", errno));
  }
  return {};
}

}  // namespace troupe

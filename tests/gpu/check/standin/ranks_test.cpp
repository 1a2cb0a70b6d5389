// What the check's ranks do, to their end, over a device that is the host's memory.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/gpu/check/sections.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::cuda::check {
namespace {

int run() {
  const troupe::test::TempFolder folder;
  const std::string at = folder.path().string();
  {
    Report report(at + "/found.json");
    report.section("NCCL");
    check_ranks("/proc/self/exe", at, "stand-in", {at}, report);
    check_suite("/proc/self/exe", at, "stand-in", {at}, report);
  }
  const auto rows = nlohmann::json::parse(std::ifstream(at + "/found.json"));
  int held = 0, wrong = 0;
  for (const auto& row : rows) {
    const bool fine = row.at("kind") == "figure" || (row.at("kind") == "check" && row.at("held") == true);
    (fine ? held : wrong) += 1;
    if (!fine) std::printf("%s\n", row.dump(1).c_str());
  }
  std::printf("%d rows are as they should be, %d are not\n", held, wrong);
  return wrong == 0 && held >= 20 ? 0 : 1;
}

}  // namespace
}  // namespace troupe::cuda::check

int main(int count, char** given) {
  using namespace troupe::cuda::check;
  const std::vector<std::string> arguments(given, given + count);
  if (const auto role = play_role(arguments)) return *role;
  return run();
}

// What only a GPU can tell of LibTorch on a slice, one part a process: what LibTorch does to a process
// touches no other part.
//   gpu_check_step PART FOLDER KERNELS HALF [ARGUMENT…]
// writes FOLDER/found-PART[-ARGUMENT].json, line by line as it finds things. KERNELS, HALF: libraries of
// gpu/cuda. HALF "host": over the host's memory instead of a GPU, as small as can be; a test of this program.
// Exit codes: 0 all held, 1 something did not, 2 there is no GPU here, or wrong use. ./dev gpu-check runs it.
#include <cstdio>
#include <map>

#include "tests/gpu/check/step/world.hpp"

namespace troupe::cuda::check {
namespace {

using Part = void (*)(const World&, Report&);
const std::map<std::string, Part> kParts = {
    {"step", check_step},       {"edges", check_edges},       {"bits", check_bits},  {"speed", check_speed},
    {"packing", check_packing}, {"forecast", check_forecast}, {"unets", check_unets}};
const std::string kChild = "child";  // of packing

int usage() {
  std::fprintf(stderr, "usage: gpu_check_step PART FOLDER KERNELS HALF [ARGUMENT…]; PART is one of");
  for (const auto& [name, part] : kParts) std::fprintf(stderr, " %s", name.c_str());
  std::fprintf(stderr, "\n");
  return 2;
}

int run(const Given& given) {
  const auto part = kParts.find(given.part);
  if (part == kParts.end() && given.part != kChild) return usage();
  std::string name = given.part, why;
  if (!given.arguments.empty()) name += "-" + given.arguments.front();
  Report report(given.folder + "/found-" + name + ".json");
  report.section(given.part == "unets" ? "forecast" : given.part);
  try {
    const auto world = open_world(given, why);
    if (!world) {
      std::fprintf(stderr, "gpu-check: there is no GPU to check: %s\n", why.c_str());
      return 2;
    }
    if (given.part == kChild) return run_child(*world);
    std::fprintf(stderr, "gpu-check: %s\n", name.c_str());
    part->second(*world, report);
  } catch (...) {
    report.failed(name, from_current_exception(name));
  }
  if (!report.written())
    std::fprintf(stderr, "gpu-check: %s/found-%s.json can't be written\n", given.folder.c_str(),
                 name.c_str());
  return report.held() && report.written() ? 0 : 1;
}

}  // namespace
}  // namespace troupe::cuda::check

int main(int count, char** given) {
  const std::vector<std::string> a(given, given + count);
  if (a.size() < 5) return troupe::cuda::check::usage();
  return troupe::cuda::check::run({a[1], a[2], a[3], a[4], {a.begin() + 5, a.end()}});
}

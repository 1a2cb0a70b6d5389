// What only a GPU can tell of gpu/cuda/.
//   gpu_check_program FOLDER KERNELS BUSY NCCL…   writes FOLDER/found.json; KERNELS, BUSY: libraries, or
//   "none"
//   gpu_check_program --look FOLDER NCCL…         tells the device alone
// Exit codes: 0 all held, 1 something did not, 2 there is no GPU here. ./dev gpu-check builds it, runs it and
// makes the page of it.
#include <cstdio>

#include "gpu/cuda/survey.hpp"
#include "tests/gpu/check/sections.hpp"

namespace troupe::cuda::check {
namespace {

constexpr Bytes kPool = gib(2);

void tell_device(const GpuSurvey& found, Report& report) {
  const auto& device = found.devices.front();
  report.fact("device", device.facts.name);
  report.fact("devices", found.devices.size());
  report.fact("compute capability",
              std::to_string(device.facts.major) + "." + std::to_string(device.facts.minor));
  report.fact("SMs", device.facts.sms);
  report.fact("memory", to_string(device.facts.memory));
  report.fact("driver", found.nvml ? *found.nvml : found.nvml.error().text());
  report.fact("driver speaks CUDA", cuda_version_text(found.driver));
  report.fact("NCCL", found.nccl ? nccl_version_text(*found.nccl) : found.nccl.error().text());
  if (device.health && device.health->throttled)
    report.must("nothing slows the device down that should not", !device.health->throttled->trouble);
}

/// An error of a section fails it, and the others go on.
void section(Report& report, const std::string& name, const std::function<void()>& check) {
  report.section(name);
  std::fprintf(stderr, "gpu-check: %s\n", name.c_str());
  try {
    check();
  } catch (...) {
    report.failed(name, from_current_exception(name));
  }
}

bool there_is_one(const GpuSurvey& found) {
  if (found.none)
    std::fprintf(stderr, "gpu-check: there is no GPU to check: %s\n", found.none->text().c_str());
  return !found.none;
}

int look(const std::string& folder, const std::vector<std::string>& nccl) {
  const auto found = survey_gpus(open_gpu_libraries(nccl));
  if (!there_is_one(found)) return 2;
  Report report(folder + "/found.json");
  section(report, "device", [&] { tell_device(found, report); });
  return report.held() && report.written() ? 0 : 1;
}

int run(const std::string& program, const std::string& folder, const std::string& kernels,
        const std::string& busy, const std::vector<std::string>& nccl) {
  const auto libraries = open_gpu_libraries(nccl);
  const auto found = survey_gpus(libraries);
  if (!there_is_one(found)) return 2;
  Report report(folder + "/found.json");
  section(report, "device", [&] { tell_device(found, report); });
  // before this process has anything on the device
  section(report, "NCCL", [&] { check_ranks(program, folder, nccl, report); });
  Bench bench;
  section(report, "slices", [&] {
    bench.driver = *libraries.driver;
    want(bench.driver->enter(0));
    bench.cut = want(cut_device(*bench.driver, 0));
    const Grid& g = bench.cut->grid;
    report.fact("cut", {{"pieces", g.pieces}, {"sms_each", g.piece}, {"left_over", g.left_over}});
    bench.table = want(ContextTable::open(bench.driver, bench.cut, {0, g.pieces}, 2));
    bench.pool = Owned<Pool>(bench.driver, want(bench.driver->make_pool(0, kPool)));
    if (kernels != "none") bench.kernels = std::make_shared<const Kernels>(want(Kernels::open(kernels)));
    if (busy != "none") bench.busy = busy;
    check_sizes(bench, report);
  });
  if (bench.pool) {
    section(report, "slices", [&] { check_switches(bench, report); });
    section(report, "slices", [&] { check_slice(bench, report); });
    section(report, "slices", [&] { check_two_slices(bench, report); });
    section(report, "memory", [&] { check_pool(bench, report); });
    section(report, "kernels", [&] { check_kernels(bench, report); });
    section(report, "collective", [&] { check_collective(bench, nccl, report); });
  }
  if (!report.written()) std::fprintf(stderr, "gpu-check: %s/found.json can't be written\n", folder.c_str());
  return report.held() && report.written() ? 0 : 1;
}

}  // namespace
}  // namespace troupe::cuda::check

int main(int count, char** given) {
  const std::vector<std::string> a(given, given + count);
  if (a.size() > 4 && a[1] == "--rank")
    return troupe::cuda::check::run_rank(std::stoi(a[2]), a[3], {a.begin() + 4, a.end()});
  if (a.size() > 2 && a[1] == "--look") return troupe::cuda::check::look(a[2], {a.begin() + 3, a.end()});
  if (a.size() >= 4)
    return troupe::cuda::check::run("/proc/self/exe", a[1], a[2], a[3], {a.begin() + 4, a.end()});
  std::fprintf(stderr, "usage: gpu_check_program FOLDER KERNELS BUSY NCCL…\n");
  return 2;
}

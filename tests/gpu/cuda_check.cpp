// What only a GPU can tell of gpu/cuda/: run by hand on a machine that has one.
//   cuda_check FOLDER    writes FOLDER/gpu-check.md and FOLDER/gpu-check.json
// Exit codes: 0 all held, 1 something did not, 2 there is no GPU here.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gpu/cuda/context_table.hpp"
#include "gpu/cuda/pool_budget.hpp"

namespace troupe::cuda {
namespace {

constexpr int kSwitches = 1000;

struct Report {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  bool held = true;
  void row(const std::string& what, const nlohmann::ordered_json& value) {
    rows.push_back({{"what", what}, {"value", value}});
  }
  void failed(const std::string& what, const Error& e) {
    row(what, "FAILED: " + e.text());
    held = false;
  }
  void must(const std::string& what, bool ok) {
    row(what, ok ? "held" : "FAILED");
    held = held && ok;
  }
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void check_sizes(ContextTable& table, const CutDevice& cut, Report& report) {
  for (unsigned count = 1; count <= cut.grid.pieces; ++count) {
    const double start = seconds();
    auto asked = table.ask({0, count});
    const double made = seconds() - start;
    auto edge = asked ? table.at_step_edge() : fail(std::move(asked.error()));
    const std::string name = std::to_string(sms_of(cut.grid, {0, count})) + " SMs asked";
    if (!edge) return report.failed(name, edge.error());
    report.row(name, {{"in_force", table.now().sms}, {"made_ms", made * 1e3}});
    report.must(name + ": in force is at least as many", table.now().sms >= table.now().asked);
  }
}

/// A switch as a step's edge makes it, with both contexts there; the host's side of it.
void check_switches(ContextTable& table, Report& report) {
  const Pieces sizes[] = {{0, 1}, {0, 2}};
  if (auto ok = table.prepare(sizes); !ok) return report.failed("preparing", ok.error());
  std::vector<double> times;
  for (int i = 0; i < kSwitches; ++i) {
    const double start = seconds();
    auto asked = table.ask(sizes[i % 2]);
    auto edge = asked ? table.at_step_edge() : fail(std::move(asked.error()));
    if (!edge) return report.failed("a prepared switch", edge.error());
    times.push_back(seconds() - start);
  }
  std::sort(times.begin(), times.end());
  report.row("a prepared switch, microseconds",
             {{"median", times[times.size() / 2] * 1e6}, {"p99", times[times.size() * 99 / 100] * 1e6}});
}

void check_pool(Driver& driver, Stream stream, Report& report) {
  auto pool = driver.make_pool(0, mib(64));
  if (!pool) return report.failed("a pool of 64 MiB", pool.error());
  auto inside = driver.allocate(*pool, stream, mib(48));
  report.must("48 MiB of 64 are given", inside.has_value());
  auto outside = driver.allocate(*pool, stream, mib(32));
  report.must("32 MiB more are refused, as no_capacity",
              !outside && outside.error().code == ErrorCode::no_capacity);
  if (auto counts = driver.pool_counts(*pool))
    report.row("pool, bytes", {{"reserved", counts->reserved.count}, {"used", counts->used.count}});
  if (inside) (void)driver.free(*inside, stream);
  (void)driver.synchronize(stream);
  (void)driver.trim(*pool, {});
  if (auto counts = driver.pool_counts(*pool))
    report.must("a trimmed pool holds nothing", counts->reserved == Bytes{});
  (void)driver.destroy(*pool);
}

void check(const std::shared_ptr<Driver>& driver, Report& report) {
  if (auto ok = driver->enter(0); !ok) return report.failed("the device", ok.error());
  auto facts = driver->device(0);
  if (!facts) return report.failed("the device", facts.error());
  report.row("device", facts->name);
  report.row("compute capability", std::to_string(facts->major) + "." + std::to_string(facts->minor));
  report.row("SMs", facts->sms);
  report.row("driver speaks CUDA", driver->version().value_or(0));
  auto cut = cut_device(*driver, 0);
  if (!cut) return report.failed("slices", cut.error());
  const Grid& g = (*cut)->grid;
  report.row("cut", {{"pieces", g.pieces}, {"sms_each", g.piece}, {"left_over", g.left_over}});
  auto table = ContextTable::open(driver, *cut, {0, g.pieces}, 4);
  if (!table) return report.failed("a context", table.error());
  check_sizes(**table, **cut, report);
  check_switches(**table, report);
  check_pool(*driver, (*table)->now().stream, report);
}

int run(const std::string& folder) {
  auto driver = open_driver();
  auto count = driver ? (*driver)->devices() : fail(std::move(driver.error()));
  if (!count || *count == 0) {
    std::fprintf(stderr, "gpu-check: %s\n",
                 count ? "the driver knows no GPU here" : count.error().text().c_str());
    return 2;
  }
  Report report;
  check(*driver, report);
  std::ofstream(folder + "/gpu-check.json") << report.rows.dump(1) << '\n';
  std::ofstream md(folder + "/gpu-check.md");
  md << "| what | value |\n|---|---|\n";
  for (const auto& row : report.rows)
    md << "| " << row["what"].get<std::string>() << " | " << row["value"].dump() << " |\n";
  md.flush();
  if (!md) std::fprintf(stderr, "gpu-check: the report can't be written to %s\n", folder.c_str());
  return report.held && md ? 0 : 1;
}

}  // namespace
}  // namespace troupe::cuda

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: cuda_check FOLDER\n");
    return 2;
  }
  return troupe::cuda::run(arguments[1]);
}

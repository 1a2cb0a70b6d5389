#include "predict/traces/alibaba.hpp"

#include <algorithm>
#include <set>

#include "predict/traces/csv.hpp"

namespace troupe::traces {
namespace {

// A thousand times what machines have today, and far from where sums over a trace overflow.
constexpr std::int64_t kMostCpuMilli = 1'000'000'000, kMostMemoryMib = 1'000'000'000;

Result<pack::Machine> machine(const CsvRow& row) {
  const auto cpu = row.integer(1, 1, kMostCpuMilli);
  if (!cpu) return fail(cpu.error());
  const auto memory = row.integer(2, 1, kMostMemoryMib);
  if (!memory) return fail(memory.error());
  const auto gpus = row.integer(3, 0, pack::kMostGpus);
  if (!gpus) return fail(gpus.error());
  if (row.text(0).empty()) return row.wrong(0, "is empty", "a name");
  return pack::Machine{std::string(row.text(0)), *cpu, *memory, static_cast<int>(*gpus),
                       std::string(row.text(4))};
}

Result<pack::Task> task(const CsvRow& row) {
  const auto cpu = row.integer(0, 0, kMostCpuMilli);
  if (!cpu) return fail(cpu.error());
  const auto memory = row.integer(1, 0, kMostMemoryMib);
  if (!memory) return fail(memory.error());
  const auto gpus = row.integer(2, 0, pack::kMostGpus);
  if (!gpus) return fail(gpus.error());
  pack::Task task{*cpu, *memory, static_cast<int>(*gpus), 0, {}};
  if (*gpus > 0) {
    const auto milli = row.integer(3, 1, pack::kWholeGpu);
    if (!milli) return fail(milli.error());
    task.gpu_milli = static_cast<int>(*milli);
  }
  for (std::string_view rest = row.text(4); !rest.empty();) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    if (end > 0) task.models.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return task;
}

}  // namespace

const char* const kWhereAlibabaIs =
    "It is published as cluster-trace-gpu-v2023 at https://github.com/alibaba/clusterdata: "
    "openb_node_list_gpu_node.csv and openb_pod_list_default.csv, from its folder csv";

Result<std::vector<pack::Machine>> read_machines(const std::filesystem::path& file) {
  const auto csv = Csv::read(file, {"sn", "cpu_milli", "memory_mib", "gpu", "model"});
  if (!csv) return fail(csv.error());
  std::vector<pack::Machine> machines;
  std::set<std::string> names;
  for (std::size_t i = 0; i < csv->size(); ++i) {
    const auto row = csv->row(i);
    if (!row) return fail(row.error());
    auto one = machine(*row);
    if (!one) return fail(one.error());
    if (!names.insert(one->name).second) return row->wrong(0, "is there twice", "each node once");
    machines.push_back(std::move(*one));
  }
  return machines;
}

Result<std::vector<pack::Task>> read_tasks(const std::filesystem::path& file) {
  const auto csv = Csv::read(file, {"cpu_milli", "memory_mib", "num_gpu", "gpu_milli", "gpu_spec"});
  if (!csv) return fail(csv.error());
  std::vector<pack::Task> tasks;
  for (std::size_t i = 0; i < csv->size(); ++i) {
    const auto row = csv->row(i);
    if (!row) return fail(row.error());
    auto one = task(*row);
    if (!one) return fail(one.error());
    tasks.push_back(std::move(*one));
  }
  return tasks;
}

}  // namespace troupe::traces

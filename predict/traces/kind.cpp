#include "predict/traces/kind.hpp"

#include "predict/traces/alibaba.hpp"
#include "predict/traces/csv.hpp"
#include "predict/traces/philly.hpp"

namespace troupe::traces {

Result<TraceKind> kind_of_trace(const std::filesystem::path& file) {
  if (Csv::read(file, {"num_gpu", "gpu_milli"})) return TraceKind::tasks;
  if (Csv::read(file, {"timestamp", "duration"})) return TraceKind::jobs;
  if (const auto any = Csv::read(file, {}); !any) return fail(any.error());
  return fail({ErrorCode::bad_data, "this is neither a trace of tasks nor one of jobs",
               file.string() + ":1:1", "", "columns num_gpu and gpu_milli, or timestamp and duration",
               std::string("Tasks: ") + kWhereAlibabaIs + ". Jobs: " + kWherePhillyIs});
}

}  // namespace troupe::traces

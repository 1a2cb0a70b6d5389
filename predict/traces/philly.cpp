#include "predict/traces/philly.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

#include "predict/traces/csv.hpp"

namespace troupe::traces {
namespace {

constexpr double kMostSeconds = 1e9;  // of one job: 31 years

/// Seconds since 1970 of "YYYY-MM-DD HH:MM:SS" (UTC); none for anything else.
std::optional<double> seconds_of(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd dd:dd:dd";
  if (text.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != kForm[i]) return {};
  const auto part = [&](std::size_t at, std::size_t digits) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day date{year(part(0, 4)), month(static_cast<unsigned>(part(5, 2))),
                            day(static_cast<unsigned>(part(8, 2)))};
  if (!date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 60) return {};
  return static_cast<double>(sys_days(date).time_since_epoch().count()) * 86400 + part(11, 2) * 3600 +
         part(14, 2) * 60 + part(17, 2);
}

}  // namespace

const char* const kWherePhillyIs =
    "It is published at https://github.com/msr-fiddle/philly-traces; as one table, philly.csv, in "
    "https://github.com/petuum/adaptdl, branch osdi21-artifact";

Result<std::vector<TraceJob>> read_jobs(const std::filesystem::path& file) {
  const auto csv = Csv::read(file, {"timestamp", "duration", "num_gpus", "cluster"});
  if (!csv) return fail(csv.error());
  std::vector<TraceJob> jobs;
  for (std::size_t i = 0; i < csv->size(); ++i) {
    const auto row = csv->row(i);
    if (!row) return fail(row.error());
    const auto submitted = seconds_of(row->text(0));
    if (!submitted) return row->wrong(0, "is not a time", "YYYY-MM-DD HH:MM:SS");
    const auto duration = row->number(1, 0, kMostSeconds);
    if (!duration) return fail(duration.error());
    const auto gpus = row->integer(2, 1, kMostJobGpus);
    if (!gpus) return fail(gpus.error());
    jobs.push_back({*submitted, *duration, static_cast<int>(*gpus), std::string(row->text(3))});
  }
  std::stable_sort(jobs.begin(), jobs.end(),
                   [](const TraceJob& a, const TraceJob& b) { return a.submitted < b.submitted; });
  const double first = jobs.front().submitted;
  for (TraceJob& job : jobs) job.submitted -= first;
  return jobs;
}

}  // namespace troupe::traces

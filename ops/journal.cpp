#include <fmt/core.h>

#include "base/lines.hpp"
#include "ops/recorder.hpp"

namespace troupe {

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file) {
  auto lines = LineFile::open(file);
  if (!lines) return fail(lines.error());
  return std::unique_ptr<Journal>(new Journal(std::move(*lines)));
}

Result<void> Journal::write(const Event& event) {
  return lines_->append(to_json(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

Result<void> each_event(const std::filesystem::path& file, const std::function<void(const Event&)>& take) {
  std::int64_t number = 0;
  return each_line(file, [&](std::string_view line) -> Result<void> {
    ++number;
    const auto json = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
    auto event = json.is_discarded()
                     ? Result<Event>(fail({ErrorCode::bad_data, "the line is no JSON", "", "", "", ""}))
                     : event_from_json(json);
    if (!event) {
      event.error().where = fmt::format("{}:{}", file.string(), number);
      return fail(event.error());
    }
    take(*event);
    return {};
  });
}

Result<std::vector<Event>> read_journal(const std::filesystem::path& file) {
  std::vector<Event> events;
  auto read = each_event(file, [&](const Event& event) { events.push_back(event); });
  if (!read) return fail(read.error());
  return events;
}

}  // namespace troupe

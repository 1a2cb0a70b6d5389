#include <fmt/core.h>

#include "base/files.hpp"
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

Result<std::vector<Event>> read_journal(const std::filesystem::path& file) {
  const auto text = read_file(file);
  if (!text) return fail(text.error());
  std::vector<Event> events;
  std::size_t begin = 0;
  for (int line = 1; begin < text->size(); ++line) {
    const std::size_t end = text->find('\n', begin);
    if (end == std::string::npos) break;  // cut by a crash
    const auto json = nlohmann::json::parse(text->begin() + static_cast<std::ptrdiff_t>(begin),
                                            text->begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    auto event = json.is_discarded()
                     ? Result<Event>(fail({ErrorCode::bad_data, "the line is no JSON", "", "", "", ""}))
                     : event_from_json(json);
    if (!event) {
      event.error().where = fmt::format("{}:{}", file.string(), line);
      return fail(event.error());
    }
    events.push_back(std::move(*event));
    begin = end + 1;
  }
  return events;
}

}  // namespace troupe

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"
#include "ops/recorder.hpp"

namespace troupe {
namespace {

/// Cuts off a last line without an end: what a crash left of it.
Result<void> drop_cut_line(int fd, const std::filesystem::path& file) {
  off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return fail(io_error("the journal can't be read", file, errno));
  const off_t size = end;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd, &last, 1, end - 1) != 1) return fail(io_error("the journal can't be read", file, errno));
    if (last == '\n') break;
  }
  if (end < size && ::ftruncate(fd, end) != 0)
    return fail(io_error("the journal can't be mended", file, errno));
  return {};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return fail(io_error("the journal can't be opened", file, errno));
  std::unique_ptr<Journal> journal(new Journal(fd));
  if (auto mended = drop_cut_line(fd, file); !mended) return fail(mended.error());
  return journal;
}

Journal::~Journal() { ::close(fd_); }

Result<void> Journal::write(const Event& event) {
  const std::string line =
      to_json(event).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("the journal can't be written", "journal", errno));
    done += static_cast<std::size_t>(n);
  }
  return {};
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

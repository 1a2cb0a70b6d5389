#include "base/lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "base/descriptor.hpp"
#include "base/files.hpp"

namespace troupe {

Result<void> each_line(const std::filesystem::path& file,
                       const std::function<Result<void>(std::string_view line)>& take) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0) {
    const int reason = errno;
    Error error = io_error("can't read", file, reason);
    if (reason == ENOENT || reason == ENOTDIR) error.code = ErrorCode::not_found;
    return fail(std::move(error));
  }
  std::array<char, std::size_t{64} << 10> buffer{};
  std::string begun;  // of a line whose end is not there yet
  while (true) {
    const auto n = ::read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("can't read", file, errno));
    if (n == 0) return {};
    std::string_view rest(buffer.data(), static_cast<std::size_t>(n));
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      begun += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (auto taken = take(begun); !taken) return taken;
      begun.clear();
    }
    begun += rest;
  }
}

}  // namespace troupe

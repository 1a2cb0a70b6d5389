#include "transport/key_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/files.hpp"

namespace troupe {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLargestFile = 1 << 20;  // public.json of a thousand names and more
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
constexpr const char* kReplaced = "replaced-";

Error bad(std::string what, const fs::path& where, std::string hint) {
  return {.code = ErrorCode::bad_config,
          .what = std::move(what),
          .where = where.string(),
          .hint = std::move(hint)};
}

std::string mode_text(mode_t mode) { return fmt::format("mode {:04o}", static_cast<unsigned>(mode & 07777)); }

/// The file is judged by what was opened, not by its name: nobody can exchange it in between.
Result<std::string> read_opened(const fs::path& file, bool is_private) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (opened.get() < 0 && (errno == ENOENT || errno == ENOTDIR))
    return fail(bad("there is no such file", file,
                    "`troupe keys init DIR` makes a cluster's keys, `keys add` a name's"));
  if (opened.get() < 0) return fail(io_error("can't read", file, errno));
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return fail(io_error("can't read", file, errno));
  if (!S_ISREG(status.st_mode))
    return fail(bad("this is no plain file", file, "Give a folder that `troupe keys init` has made"));
  if (is_private && (status.st_mode & kOthers) != 0) {
    Error error = bad("others may read or write this private file", file, "chmod 600 " + file.string());
    error.given = mode_text(status.st_mode);
    error.allowed = "mode 0600";
    return fail(error);
  }
  std::string text(std::min<std::size_t>(static_cast<std::size_t>(status.st_size), kLargestFile) + 1, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t n = ::read(opened.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("can't read", file, errno));
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  if (used > kLargestFile) return fail(bad("this file is too large for a key", file, ""));
  text.resize(used);
  return text;
}

bool ends_with_key(const std::string& name) {
  constexpr std::array endings = {".pem", ".key", ".curve"};
  return name == key_files::kPublic ||
         std::any_of(endings.begin(), endings.end(), [&](const char* end) { return name.ends_with(end); });
}

}  // namespace

Result<std::string> read_key_file(const fs::path& file) { return read_opened(file, false); }

Result<Secret> read_private_file(const fs::path& file) {
  auto text = read_opened(file, true);
  if (!text) return fail(text.error());
  return Secret(std::move(*text));
}

Result<void> write_public_file(const fs::path& file, const std::string& text) {
  return write_file(file, text);
}

Result<void> write_private_file(const fs::path& file, const Secret& text) {
  return write_file(file, text.reveal(), S_IRUSR | S_IWUSR);
}

Result<void> make_key_folder(const fs::path& folder) {
  // "keys/" names the same folder as "keys", which then must not be made as a parent, for all to read
  const fs::path named = folder.has_filename() ? folder : folder.parent_path();
  std::error_code failed;
  if (named.has_parent_path()) fs::create_directories(named.parent_path(), failed);
  if (failed) return fail(io_error("can't create the folder", folder, failed.value()));
  if (::mkdir(named.c_str(), S_IRWXU) == 0) return {};
  if (errno != EEXIST) return fail(io_error("can't create the folder", folder, errno));
  if (!fs::is_directory(named, failed))
    return fail({.code = ErrorCode::bad_usage,
                 .what = "this is no folder",
                 .where = folder.string(),
                 .hint = "Name one that is empty or not there yet"});
  if (fs::is_empty(named, failed) && ::chmod(named.c_str(), S_IRWXU) != 0)
    return fail(io_error("can't make the folder private", folder, errno));
  return {};
}

Result<void> check_key_folder(const fs::path& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR)
      return fail(io_error("can't read the folder of keys", folder, errno));
    return fail(bad("there is no such folder of keys", folder,
                    "Make it by `troupe keys init " + folder.string() + "`"));
  }
  if (!S_ISDIR(status.st_mode))
    return fail(bad("this is no folder of keys", folder, "Give the folder that the files lie in"));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  Error error = bad("others may write to this folder of keys", folder, "chmod 700 " + folder.string());
  error.given = mode_text(status.st_mode);
  error.allowed = "mode 0700";
  return fail(error);
}

Result<Descriptor> lock_key_folder(const fs::path& folder) {
  Descriptor lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0)
    return fail(io_error("can't lock the folder of keys", folder, errno));
  return lock;
}

Result<KeyEntries> entries_of(const fs::path& folder) {
  KeyEntries entries;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(kReplaced)) continue;
    std::error_code ignored;
    const bool ours = ends_with_key(name) && it->is_regular_file(ignored);
    (ours ? entries.keys : entries.others).push_back(name);
  }
  if (failed) return fail(io_error("can't read the folder", folder, failed.value()));
  std::sort(entries.keys.begin(), entries.keys.end());
  std::sort(entries.others.begin(), entries.others.end());
  return entries;
}

Result<fs::path> set_aside(const fs::path& folder, const std::vector<std::string>& names, double now) {
  const auto seconds = static_cast<std::time_t>(now);
  std::tm t{};
  gmtime_r(&seconds, &t);
  const std::string stem = fmt::format("{}{:04}{:02}{:02}-{:02}{:02}{:02}", kReplaced, t.tm_year + 1900,
                                       t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
  fs::path aside = folder / stem;
  for (int more = 1; ::mkdir(aside.c_str(), S_IRWXU) != 0; ++more) {
    if (errno != EEXIST || more > 100) return fail(io_error("can't create the folder", aside, errno));
    aside = folder / fmt::format("{}-{}", stem, more);
  }
  for (const auto& name : names) {
    if (::rename((folder / name).c_str(), (aside / name).c_str()) != 0 && errno != ENOENT)
      return fail(io_error("can't move to " + aside.string(), folder / name, errno));
  }
  return aside;
}

}  // namespace troupe

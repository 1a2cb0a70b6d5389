#include "transport/key_list.hpp"

#include <sys/stat.h>

#include "transport/key_readers.hpp"

namespace troupe {
namespace {

/// Seconds. A file that was written so lately may be written once more without a look of its times telling:
/// they are no finer than what the file system keeps.
constexpr double kSettled = 2;

std::int64_t nanoseconds(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

}  // namespace

KeyList::Stamp KeyList::stamp() const {
  struct stat s {};
  if (::stat((folder_ / key_files::kPublic).c_str(), &s) != 0) return {};
  return {s.st_dev, s.st_ino, s.st_size, nanoseconds(s.st_mtim), nanoseconds(s.st_ctim)};
}

Result<void> KeyList::refresh(double unix_time) {
  const Stamp now = stamp();
  if (of_ == now) return {};
  of_.reset();
  ++reads_;
  auto all = read_public(folder_, cluster_);
  if (!all) return fail(all.error());
  list_ = std::move(*all);
  const bool settled = now.size >= 0 && unix_time - 1e-9 * static_cast<double>(now.modified) > kSettled;
  if (settled) of_ = now;
  return {};
}

Result<void> KeyList::check(const KeyCard& shown, const std::string& curve, double unix_time) {
  if (auto read = refresh(unix_time); !read) return read;
  const auto listed = list_["names"].find(shown.name);
  const bool known = listed != list_["names"].end() && listed->is_object();
  if (known && shown.role == KeyRole::node && !curve.empty() && curve_in(list_, shown.name) == curve &&
      listed->value("fingerprint", nlohmann::json()) == shown.fingerprint)
    return {};
  return fail({.code = ErrorCode::bad_config,
               .what = "the head's list of keys has no node of that name with that key",
               .where = (folder_ / key_files::kPublic).string(),
               .given = shown.name,
               .hint = "Make keys where the head's are (`troupe keys add " + folder_.string() + " " +
                       shown.name + "`), or copy the newest public.json there"});
}

}  // namespace troupe

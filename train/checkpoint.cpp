#include "train/checkpoint.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/files.hpp"
#include "train/manifest.hpp"

namespace troupe {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kHalfWritten = ".step-";
constexpr std::string_view kDropped = ".drop-";
constexpr std::size_t kMinDigits = 9, kMaxDigits = 18;

std::string folder_name(std::int64_t step) { return fmt::format("{}{:09}", kPrefix, step); }

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size());
  if (digits.size() < kMinDigits || digits.size() > kMaxDigits) return std::nullopt;
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

/// Steps with a folder, newest first.
Result<std::vector<std::int64_t>> steps_in(const fs::path& dir) {
  std::vector<std::int64_t> steps;
  std::error_code code;
  for (auto it = fs::directory_iterator(dir, code); !code && it != fs::directory_iterator();
       it.increment(code))
    if (const auto step = step_of(it->path().filename().string())) steps.push_back(*step);
  if (code && code != std::errc::no_such_file_or_directory)
    return fail(io_error("the folder of checkpoints cannot be read", dir, code.value()));
  std::sort(steps.rbegin(), steps.rend());
  return steps;
}

Result<void> sync_file(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(io_error("cannot be opened to be synced", file, errno));
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0) return fail(io_error("cannot be synced", file, error));
  return {};
}

/// `from` takes the place of `to`. A folder that is already there is exchanged in one go, then lies at
/// `from`.
Result<void> move_or_exchange(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != ENOTEMPTY && errno != EEXIST) return fail(io_error("cannot be renamed", from, errno));
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return {};
  // a file system that cannot exchange: the older checkpoints cover the moment in between
  std::error_code code;
  fs::remove_all(to, code);
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(io_error("cannot be renamed", from, errno));
  return {};
}
}  // namespace

CheckpointStore::CheckpointStore(fs::path dir, int keep, StageHook at_stage)
    : dir_(std::move(dir)), keep_(std::max(1, keep)), at_stage_(std::move(at_stage)) {}

void CheckpointStore::stage(std::string_view name) const {
  if (at_stage_) at_stage_(name);
}

fs::path CheckpointStore::half_written(std::int64_t step) const {
  return dir_ / fmt::format("{}{:09}", kHalfWritten, step);
}

Result<fs::path> CheckpointStore::begin(std::int64_t step) {
  if (step < 0)
    return fail({ErrorCode::internal, "a checkpoint of a negative step", dir_.string(), std::to_string(step),
                 "", ""});
  if (auto made = make_writable_folder(dir_); !made) return fail(made.error());
  std::error_code code;
  std::vector<fs::path> stale;
  for (auto it = fs::directory_iterator(dir_, code); !code && it != fs::directory_iterator();
       it.increment(code)) {
    const auto name = it->path().filename().string();
    if (name.starts_with(kHalfWritten) || name.starts_with(kDropped)) stale.push_back(it->path());
  }
  for (const auto& path : stale) fs::remove_all(path, code);
  const auto folder = half_written(step);
  fs::create_directory(folder, code);
  if (code) return fail(io_error("the folder of a checkpoint cannot be made", folder, code.value()));
  stage("begun");
  return folder;
}

Result<Manifest> CheckpointStore::commit(std::int64_t step, Manifest manifest,
                                         const std::vector<std::string>& files) {
  auto published = publish(step, std::move(manifest), files);
  if (!published) {
    discard(step);
    return published;
  }
  prune(step);
  stage("pruned");
  return published;
}

Result<Manifest> CheckpointStore::publish(std::int64_t step, Manifest manifest,
                                          const std::vector<std::string>& files) {
  const auto folder = half_written(step);
  manifest.step = step;
  manifest.files.clear();
  for (const auto& name : files) {
    if (!is_plain_name(name))
      return fail(
          {ErrorCode::internal, "a checkpoint's file has an impossible name", folder.string(), name, "", ""});
    const auto summed = sum_file(folder, name);
    if (!summed) return fail(summed.error());
    if (auto synced = sync_file(folder / name); !synced) return fail(synced.error());
    manifest.files.push_back(*summed);
  }
  stage("files synced");
  if (auto written = write_file(folder / kManifestName, manifest_text(manifest)); !written)
    return fail(written.error());
  stage("manifest written");
  if (auto synced = sync_folder(folder); !synced) return fail(synced.error());
  if (auto moved = move_or_exchange(folder, path_of(step)); !moved) return fail(moved.error());
  stage("renamed");
  std::error_code code;
  fs::remove_all(folder, code);  // the earlier checkpoint of this step, where one was exchanged
  if (auto synced = sync_folder(dir_); !synced) return fail(synced.error());
  stage("published");
  return manifest;
}

fs::path CheckpointStore::path_of(std::int64_t step) const { return dir_ / folder_name(step); }

void CheckpointStore::discard(std::int64_t step) noexcept {
  std::error_code code;
  fs::remove_all(half_written(step), code);
}

/// Damaged ones are not counted, so that they never push a whole one out; they go once they are the oldest.
/// What is newer than `committed` is left: latest() either prefers it rightly or skips it as damaged.
void CheckpointStore::prune(std::int64_t committed) const {
  const auto steps = steps_in(dir_);
  if (!steps) return;
  int whole = 1;  // `committed` itself
  for (const auto step : *steps) {
    if (step >= committed) continue;
    const auto folder = dir_ / folder_name(step);
    if (whole >= keep_) {
      drop(folder);
      continue;
    }
    const auto manifest = read_manifest(folder, step);
    if (manifest && verify_files(folder, *manifest, false)) ++whole;
  }
}

/// Out of sight in one go first, so that nobody finds it half removed.
void CheckpointStore::drop(const fs::path& folder) const {
  const auto hidden = dir_ / (std::string(kDropped) + folder.filename().string());
  std::error_code code;
  fs::rename(folder, hidden, code);
  stage("dropping");
  fs::remove_all(code ? folder : hidden, code);
}

Result<CheckpointStore::Found> CheckpointStore::latest() const {
  const auto steps = steps_in(dir_);
  if (!steps) return fail(steps.error());
  Found found;
  for (const auto step : *steps) {
    found.dir = dir_ / folder_name(step);
    auto manifest = read_manifest(found.dir, step);
    if (manifest) {
      const auto whole = verify_files(found.dir, *manifest, true);
      if (whole) {
        found.manifest = std::move(*manifest);
        return found;
      }
      found.skipped.push_back(whole.error());
    } else {
      found.skipped.push_back(manifest.error());
    }
  }
  std::string hint;
  for (const auto& error : found.skipped) hint += (hint.empty() ? "Skipped: " : "; ") + error.text();
  return fail({ErrorCode::not_found, "no whole checkpoint", dir_.string(), "", "", std::move(hint)});
}

}  // namespace troupe

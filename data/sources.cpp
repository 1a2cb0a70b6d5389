#include "data/sources.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "base/files.hpp"
#include "base/hash.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
constexpr int kRecipe = 1;  // raise it when the same sources give other bytes: filters, windows, holdout

bool ends_with(const fs::path& path, std::string_view ending) {
  auto name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name.size() > ending.size() && name.ends_with(ending);
}
bool is_volume(const fs::path& path) { return ends_with(path, ".nii") || ends_with(path, ".nii.gz"); }
bool is_image(const fs::path& path) { return ends_with(path, ".png"); }

struct Found {
  std::vector<fs::path> volumes, images;
};

Result<void> list(const fs::path& folder, bool top, Found& found) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    const auto& path = at->path();
    if (at->is_directory(ignored) && !at->is_symlink(ignored)) {
      if (auto ok = list(path, false, found); !ok) return ok;
    } else if (top && is_volume(path)) {
      found.volumes.push_back(path);
    } else if (is_image(path)) {
      found.images.push_back(path);
    }
  }
  if (error) return fail(io_error("the folder cannot be read", folder, error.value()));
  std::sort(found.volumes.begin(), found.volumes.end());
  std::sort(found.images.begin(), found.images.end());
  return {};
}

Result<Found> find(const fs::path& path, const std::string& key) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return fail({ErrorCode::not_found, "there is nothing at " + key, path.string(), "", "a folder or a file",
                 "Check the path; relative ones are taken from the configuration file's folder"});
  }
  if (error) return fail(io_error(key + " cannot be read", path, error.value()));
  Found found;
  if (fs::is_directory(status)) {
    if (auto ok = list(path, true, found); !ok) return fail(ok.error());
  } else {
    (is_image(path) ? found.images : found.volumes).push_back(path);
  }
  return found;
}

Result<Found> find_named(const DataConfig& data, const fs::path& folder) {
  Found found;
  for (const auto& name : data.files) {
    const auto path = folder / name;
    std::error_code error;
    if (!fs::exists(path, error)) {
      return fail(
          {ErrorCode::not_found, "there is no such file, which data.files names", path.string(), "", "", ""});
    }
    (is_image(path) ? found.images : found.volumes).push_back(path);
  }
  return found;
}

Result<std::vector<fs::path>> choose(Found found, DataKind& kind, const fs::path& path,
                                     const std::string& key) {
  if (kind == DataKind::automatic) {
    if (!found.volumes.empty() && !found.images.empty()) {
      return fail({ErrorCode::bad_config, key + " holds volumes and images", path.string(), "",
                   "data.kind = \"nifti\" or \"images\"", "Say which in data.kind"});
    }
    kind = found.images.empty() ? DataKind::nifti : DataKind::images;
  }
  auto& chosen = kind == DataKind::images ? found.images : found.volumes;
  if (chosen.empty()) {
    return fail({ErrorCode::not_found, key + " holds no data", path.string(), "",
                 kind == DataKind::images ? ".png files" : ".nii, .nii.gz or .png files", ""});
  }
  return std::move(chosen);
}

Result<void> add_file(Hasher& hasher, const fs::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return fail(io_error("cannot be read", path, errno));
  const std::int64_t numbers[] = {s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
  hasher.add(path.string());
  hasher.add("\n");
  hasher.add(numbers, sizeof numbers);
  return {};
}

}  // namespace

Result<Sources> find_sources(const DataConfig& data) {
  const auto absolute = [](const fs::path& path) { return fs::absolute(path).lexically_normal(); };
  Sources out;
  out.kind = data.kind;
  const auto path = absolute(data.path);
  auto found = find(path, "data.path");
  if (found && !data.files.empty()) found = find_named(data, path);
  if (!found) return fail(found.error());
  auto train = choose(std::move(*found), out.kind, path, "data.path");
  if (!train) return fail(train.error());
  out.train = std::move(*train);
  if (!data.holdout_path) return out;
  const auto holdout_path = absolute(*data.holdout_path);
  auto held = find(holdout_path, "data.holdout_path");
  if (!held) return fail(held.error());
  auto holdout = choose(std::move(*held), out.kind, holdout_path, "data.holdout_path");
  if (!holdout) return fail(holdout.error());
  out.holdout = std::move(*holdout);
  return out;
}

Result<std::uint64_t> pyramid_key(const Sources& sources, const DataConfig& data, int smallest, int largest) {
  Hasher hasher;
  const std::int64_t numbers[] = {kRecipe, static_cast<std::int64_t>(sources.kind), smallest, largest,
                                  static_cast<std::int64_t>(sources.train.size())};
  const double shares[] = {data.min_content, sources.holdout.empty() ? data.holdout : 0};
  hasher.add(numbers, sizeof numbers);
  hasher.add(shares, sizeof shares);
  for (const auto& axis : data.axes) hasher.add(axis + "\n");
  for (const auto* files : {&sources.train, &sources.holdout}) {
    for (const auto& file : *files) {
      if (auto ok = add_file(hasher, file); !ok) return fail(ok.error());
    }
  }
  return hasher.value();
}

}  // namespace troupe

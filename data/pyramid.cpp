#include "data/pyramid.hpp"

#include <bit>
#include <string>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "data/pyramid_build.hpp"
#include "data/pyramid_cache.hpp"
#include "data/pyramid_file.hpp"
#include "data/sources.hpp"

namespace troupe {
namespace {

constexpr int kLargest = 4096;

Result<void> check_sizes(int smallest, int largest) {
  const auto power = [](int v) { return v >= 1 && std::has_single_bit(static_cast<unsigned>(v)); };
  if (power(smallest) && power(largest) && smallest <= largest && largest <= kLargest) return {};
  return fail({ErrorCode::bad_config, "resolutions are powers of two, the smallest first", "",
               std::to_string(smallest) + " … " + std::to_string(largest),
               "1, 2, 4, … " + std::to_string(kLargest), ""});
}

Result<std::shared_ptr<const Pyramid>> open_or_build(const DataConfig& data, int smallest, int largest,
                                                     const std::filesystem::path& cache, int threads,
                                                     const PyramidListener& listener) {
  if (auto ok = check_sizes(smallest, largest); !ok) return fail(ok.error());
  const auto sources = find_sources(data);
  if (!sources) return fail(sources.error());
  const auto key = pyramid_key(*sources, data, smallest, largest);
  if (!key) return fail(key.error());
  const PyramidPath path{std::filesystem::absolute(cache) / (hex(*key) + ".pyramid"), *key};
  if (auto cached = open_pyramid_file(path)) return cached;
  if (auto ok = make_writable_folder(cache); !ok) return fail(ok.error());
  auto writer = PyramidWriter::create(path);
  if (!writer) return fail(writer.error());
  // whoever held the lock before us may have built it
  if (auto cached = open_pyramid_file(path)) return cached;
  if (auto ok = build_pyramid(**writer, *sources, data, smallest, largest, threads, listener); !ok) {
    return fail(ok.error());
  }
  auto built = open_pyramid_file(path);
  sweep_pyramids(path.file.parent_path(), data.cache_keep);
  return built;
}

}  // namespace

Result<std::shared_ptr<const Pyramid>> open_pyramid(const DataConfig& data, int smallest, int largest,
                                                    const std::filesystem::path& cache, int threads,
                                                    const PyramidListener& listener) try {
  return open_or_build(data, smallest, largest, cache, threads, listener);
} catch (...) {
  return fail(from_current_exception(data.path.string()));
}

}  // namespace troupe

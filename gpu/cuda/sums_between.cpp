#include "gpu/cuda/sums_between.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/hash.hpp"
#include "gpu/cuda/staged_sums.hpp"

namespace troupe::cuda {
namespace {

/// Every rank's word, in the order of the ranks; `second` of each behind all of `first`.
Result<std::vector<std::int64_t>> told(Collective& host, std::int64_t first, std::int64_t second) {
  const auto ranks = static_cast<std::size_t>(host.ranks()), rank = static_cast<std::size_t>(host.rank());
  std::vector<std::int64_t> mine(2 * ranks), all(2 * ranks);
  mine[rank] = first;
  mine[ranks + rank] = second;
  const std::int64_t* at = mine.data();
  auto summed = host.sum(Contribution<std::int64_t>{host.ranks(), host.rank(), {&at, 1}}, all.data(),
                         all.size(), std::int64_t{1}, true, {});
  if (!summed) return fail(summed.error());
  return all;
}

/// Of all ranks, so that each comes to the same words. `words`: has it, then who it is.
std::string why_not(const std::vector<std::int64_t>& words) {
  const std::size_t ranks = words.size() / 2;
  for (std::size_t r = 0; r < ranks; ++r)
    if (words[r] == 0) return fmt::format("rank {} of {} has no NCCL", r, ranks);
  for (std::size_t r = 0; r < ranks; ++r)
    for (std::size_t s = 0; s < r; ++s)
      if (words[ranks + r] == words[ranks + s])
        return fmt::format("ranks {} and {} of {} are on one device", s, r, ranks);
  return {};
}

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

std::string nccl_identity(const std::string& bus) {
  const char* said = std::getenv("NCCL_HOSTID");
  if (said != nullptr && *said != '\0') return std::string("id ") + said + " " + bus;
  char name[256] = {};
  (void)gethostname(name, sizeof name - 1);
  return std::string("host ") + name + " " + first_line("/proc/sys/kernel/random/boot_id") + " " + bus;
}

Result<SumsBetween> make_sums_between(NcclEnd end, const std::string& identity,
                                      std::shared_ptr<Collective> host,
                                      const NcclCollectiveOptions& options) {
  std::string instead;
  if (host->ranks() > 1) {
    const auto id = static_cast<std::int64_t>(hash_bytes(identity.data(), identity.size()));
    const auto words = told(*host, end.nccl ? 1 : 0, id);
    if (!words) return fail(words.error());
    instead = why_not(*words);
  }
  if (instead.empty()) return SumsBetween{make_nccl_between(std::move(end), std::move(host), options), {}};
  return SumsBetween{make_staged(std::move(end.memory), std::move(host), options.timeout_seconds),
                     std::move(instead)};
}

}  // namespace troupe::cuda

// Images a second of the GAN's step against what a user would write instead, and against its own
// convolutions.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include "bench/bench.hpp"
#include "bench/speed_ours.hpp"
#include "bench/speed_peer.hpp"
#include "gpu/torch_allocator.hpp"

namespace {
using namespace troupe;
using namespace troupe::bench;

const Net kWide{"wide", 8192, 128}, kNarrow{"narrow", 8192, 32};

struct Samples {
  std::vector<double> ours, eager, ddp, ratio, share;
};

std::filesystem::path fresh_folder() {
  auto folder = std::filesystem::temp_directory_path() / fmt::format("troupe-speed-{}", ::getpid());
  std::filesystem::create_directories(folder);
  return folder;
}

/// Both sides' losses for equal weights and inputs; the largest relative difference.
double losses_difference(Peer& peer, const Report& report) {
  const auto folder = fresh_folder();
  double worst = 0;
  for (const auto& [net, size, generators] :
       {std::tuple{kNarrow, 8, 1}, {kNarrow, 32, 3}, {kNarrow, 64, 1}, {kWide, 16, 2}}) {
    Ours ours(net, size, generators,
              generators);  // shard 0 alone is computed: the scores average over the others' zeros
    const auto mine = ours.first_losses(folder);
    const auto theirs = peer.ask(fmt::format("losses {} {} {} {} 0 {} {} {}", size, net.fmap_base,
                                             net.fmap_max, generators, (folder / "generator").string(),
                                             (folder / "critic").string(), (folder / "inputs").string()));
    for (const auto& [name, value] : {std::pair{"critic", mine.critic}, {"generator", mine.generator}}) {
      const double want = theirs.at(name).get<double>(), have = value * generators;
      const double difference = std::abs(have - want) / std::max(1.0, std::abs(want));
      report.note(fmt::format("{} {}x{} K={}: {} loss {:.6f} ours, {:.6f} Python", net.name, size, size,
                              generators, name, have, want));
      worst = std::max(worst, difference);
    }
  }
  std::filesystem::remove_all(folder);
  return worst;
}

void add(Report& report, const Net& net, int size, const Samples& s) {
  const auto name = [&](const char* what) { return fmt::format("{}_{}_{}", what, net.name, size); };
  const bool wide = net.name == "wide";
  std::optional<double> goal = wide ? 1.1 : size == 8 ? 1.5 : 1.2;
  report.add(name("ratio"), "ratio", s.ratio, goal, true, "the better of eager and DDP");
  report.add(wide ? fmt::format("limit_share_{}", size) : name("limit_share"), "ratio", s.share, 0.85, true,
             "its convolutions bare");
  report.add(name("images_per_second"), "images/s", s.ours);
  report.add(name("images_per_second_eager"), "images/s", s.eager, {}, true, "PyTorch eager, 2 threads");
  report.add(name("images_per_second_ddp"), "images/s", s.ddp, {}, true, "torchrun, DDP, 2 processes, Gloo");
}

void round(std::map<std::pair<std::string, int>, Samples>& all,
           std::map<std::pair<std::string, int>, Ours>& ours, Peer& eager, Peer& ddp, CpuSlice& slice,
           double seconds, const Report& report) {
  for (const Net& net : {kNarrow, kWide})
    for (const int size : {8, 32, 64, 128}) {
      const std::pair key{net.name, size};
      const auto it = ours.find(key);
      if (it == ours.end()) continue;
      const auto ask = fmt::format("time {} {} {} {}", size, net.fmap_base, net.fmap_max, seconds);
      Samples& s = all[key];
      s.eager.push_back(eager.ask(ask).at("images_per_second").get<double>());
      s.ours.push_back(it->second.run(seconds, slice));
      s.ddp.push_back(ddp.ask(ask).at("images_per_second").get<double>());
      const double bare = it->second.bare_seconds(seconds / 2, slice);
      s.ratio.push_back(s.ours.back() / std::max(s.eager.back(), s.ddp.back()));
      s.share.push_back(bare * s.ours.back() / kBatch);
      report.note(fmt::format(
          "{} {}: ours {:.1f}, eager {:.1f}, DDP {:.1f} images/s; ratio {:.2f}, {:.2f} of the limit",
          net.name, size, s.ours.back(), s.eager.back(), s.ddp.back(), s.ratio.back(), s.share.back()));
    }
}

std::vector<Core> two_cores() {
  std::vector<Core> cores = discover_cpu().value().cores;
  cores.resize(std::min<std::size_t>(cores.size(), 2));
  return cores;
}
}  // namespace

int main(int argc, char** argv) {
  Report report(
      argc, argv, "speed",
      "The GAN's step (K = 1, batch 16: 2 shards of 8 on 2 cores) against the same in PyTorch.\n"
      "--runs N        rounds (3); --seconds S  a measurement (1.5); --quick 1  sizes 8 and 32, one round\n"
      "--alone 1       without the Python peers: images/s and the share of the limit alone\n"
      "--net NAME, --size N   only these");
  install_torch_allocator();
  use_one_torch_thread();
  const bool quick = report.flag("quick").has_value();
  const double seconds = std::stod(report.flag("seconds").value_or("1.5"));
  CpuSlice slice(two_cores(), std::make_shared<Account>("speed", gib(64)), use_one_torch_thread);
  std::map<std::pair<std::string, int>, Ours> ours;
  for (const Net& net : {kNarrow, kWide})
    for (const int size : quick ? std::vector{8, 32} : std::vector{8, 32, 64, 128}) {
      if (report.flag("net").value_or(net.name) != net.name) continue;
      if (report.flag("size").value_or(std::to_string(size)) != std::to_string(size)) continue;
      ours.emplace(std::pair{net.name, size}, Ours(net, size, 1, 2));
    }
  if (report.flag("alone")) {
    for (auto& [key, mine] : ours) {
      const double speed = mine.run(seconds, slice), bare = mine.bare_seconds(seconds, slice);
      report.add(fmt::format("images_per_second_{}_{}", key.first, key.second), "images/s", {speed});
      report.add(fmt::format("limit_share_{}_{}", key.first, key.second), "ratio", {bare * speed / kBatch},
                 0.85);
    }
    return report.finish();
  }
  Peer eager = eager_peer(), ddp = ddp_peer();
  const double difference = losses_difference(eager, report);
  report.add("losses_max_difference", "ratio", {difference}, 1e-4, false, "PyTorch eager, equal weights");
  std::map<std::pair<std::string, int>, Samples> all;
  for (int i = 0; i < report.runs(quick ? 1 : 3); ++i) round(all, ours, eager, ddp, slice, seconds, report);
  for (const Net& net : {kNarrow, kWide})
    for (const int size : {8, 32, 64, 128})
      if (const auto it = all.find({net.name, size}); it != all.end()) add(report, net, size, it->second);
  return report.finish();
}

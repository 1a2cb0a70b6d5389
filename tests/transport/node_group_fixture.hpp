#pragma once
// Groups of ranks over several data planes of this process, each of which stands for a process.
#include <numeric>

#include "../temp_folder.hpp"
#include "plane_fixture.hpp"
#include "tests/gpu/collective_reference.hpp"
#include "transport/node_group.hpp"

namespace troupe::test {

/// Data planes over ipc that all know each other.
class Planes {
 public:
  explicit Planes(int count, const Change& change = {}, bool encrypted = false) {
    for (int i = 0; i < count; ++i)
      all_.push_back(start(name(i), [&](DataPlaneOptions& options) {
        options.bind = "ipc://" + (folder_ / name(i)).string();
        options.unencrypted = !encrypted;
        if (!encrypted) options.keys.reset();
        if (change) change(options);
      }));
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < i; ++j)
        introduce(all_[static_cast<std::size_t>(i)], all_[static_cast<std::size_t>(j)]);
    for (int i = 0; i < count; ++i)
      for (int j = 0; j < count; ++j) {
        if (i == j) continue;
        const auto up = of(i).wait_for(name(j), kGenerous);
        if (!up) throw std::runtime_error(up.error().text());
      }
  }
  static std::string name(int i) { return std::string(1, static_cast<char>('a' + i)); }
  DataPlane& of(int i) { return *all_[static_cast<std::size_t>(i)].plane; }
  Process& process(int i) { return all_[static_cast<std::size_t>(i)]; }
  void destroy(int i) { all_[static_cast<std::size_t>(i)].plane.reset(); }
  std::uint32_t new_channel() { return ++channels_; }

 private:
  TempFolder folder_;
  std::vector<Process> all_;
  std::atomic<std::uint32_t> channels_{0};
};

using ChangeGroup = std::function<void(NodeGroupOptions&)>;

inline NodeGroupOptions group_options(const std::vector<int>& ranks, std::uint32_t channel, double timeout) {
  NodeGroupOptions options;
  for (std::size_t p = 0; p < ranks.size(); ++p)
    options.processes.push_back({Planes::name(static_cast<int>(p)), ranks[p]});
  options.channel = channel;
  options.timeout_seconds = timeout;
  return options;
}

/// The ends of all ranks of a new group over the first planes, ranks[p] in process p.
inline Ends make_group(Planes& planes, const std::vector<int>& ranks, double timeout = kGenerous,
                       const ChangeGroup& change = {}, const MakeProcessSum& make_fast = {}) {
  Ends all;
  auto options = group_options(ranks, planes.new_channel(), timeout);
  options.fast = make_fast != nullptr;
  options.fast_from = Bytes{0};
  if (change) change(options);
  for (std::size_t p = 0; p < ranks.size(); ++p) {
    options.self = Planes::name(static_cast<int>(p));
    auto ends = make_node_group(planes.of(static_cast<int>(p)), options, make_fast);
    if (!ends) throw std::runtime_error(ends.error().text());
    all.insert(all.end(), ends->begin(), ends->end());
  }
  return all;
}

/// Sums until it fails; the error.
inline Error sum_on(Collective& end, int members, int first, std::size_t n) {
  std::vector<float> one(n, 1.0f), out(n);
  const float* mine = one.data();
  while (true)
    if (const auto summed = end.sum({members, first, {&mine, 1}}, out.data(), n, 1.0f, true, {}); !summed)
      return summed.error();
}

/// Planes that are made when they are first needed, and kept for all tests of a layout.
class Layout {
 public:
  explicit Layout(int processes, ChangeGroup change = {}, MakeProcessSum make_fast = {})
      : processes_(processes), change_(std::move(change)), make_fast_(std::move(make_fast)) {}
  /// As many ranks in each process as is fair; with fewer ranks than processes, fewer processes.
  Ends operator()(int ranks, double timeout) const {
    if (!*planes_) *planes_ = std::make_unique<Planes>(processes_);
    std::vector<int> in_each;
    const int processes = std::min(processes_, ranks);
    for (int p = 0; p < processes; ++p)
      in_each.push_back(ranks * (p + 1) / processes - ranks * p / processes);
    return make_group(**planes_, in_each, timeout, change_, make_fast_);
  }

 private:
  int processes_;
  ChangeGroup change_;
  MakeProcessSum make_fast_;
  std::shared_ptr<std::unique_ptr<Planes>> planes_ = std::make_shared<std::unique_ptr<Planes>>();
};

}  // namespace troupe::test

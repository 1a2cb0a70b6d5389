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
                       const ChangeGroup& change = {}) {
  Ends all;
  auto options = group_options(ranks, planes.new_channel(), timeout);
  if (change) change(options);
  for (std::size_t p = 0; p < ranks.size(); ++p) {
    options.self = Planes::name(static_cast<int>(p));
    auto ends = make_node_group(planes.of(static_cast<int>(p)), options);
    if (!ends) throw std::runtime_error(ends.error().text());
    all.insert(all.end(), ends->begin(), ends->end());
  }
  return all;
}

}  // namespace troupe::test

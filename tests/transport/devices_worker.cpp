// A rank's process with a data plane of its own: devices_rank_worker NUMBER PROCESSES FOLDER. The way of a
// group are the numbers of its processes, in the order of the ranks: "0 2".
#include <sstream>

#include "gpu/cuda/nccl_collective.hpp"
#include "tests/gpu/ranks/shared_nccl.hpp"
#include "tests/gpu/ranks/worker.hpp"
#include "transport/node_group.hpp"

namespace troupe::test {
namespace {

constexpr double kGenerous = 60;

template <class T>
T want(Result<T> result) {
  if (!result) throw ErrorException(result.error());
  return std::move(*result);
}

std::unique_ptr<DataPlane> start_plane(const std::string& name, int processes, const std::string& folder) {
  const auto place = [&](const std::string& of) { return "ipc://" + folder + "/plane-" + of; };
  DataPlaneOptions options;
  options.name = name;
  options.cluster = "test";
  options.bind = place(name);
  options.unencrypted = true;
  auto plane = want(DataPlane::start(options));
  for (int other = 0; other < processes; ++other) {
    const auto of = std::to_string(other);
    if (of == name) continue;
    if (auto added = plane->add_peer({of, place(of), ""}); !added) throw ErrorException(added.error());
  }
  return plane;
}

/// This process's end of the group, agreed on over the data plane.
std::shared_ptr<Collective> join(DataPlane& plane, const std::string& name, const GroupOrder& order) {
  NodeGroupOptions options;
  std::istringstream numbers(order.way);
  for (std::string number; numbers >> number;) {
    options.processes.push_back({number, 1});
    if (number == name) continue;
    if (auto up = plane.wait_for(number, kGenerous); !up) throw ErrorException(up.error());
  }
  options.self = name;
  options.channel = static_cast<std::uint32_t>(std::stoi(order.file.substr(order.file.rfind('-') + 1)));
  options.timeout_seconds = order.timeout_seconds;
  return want(make_node_group(plane, options)).front();
}

}  // namespace
}  // namespace troupe::test

int main(int count, char** given) {
  using namespace troupe;
  if (count != 4) return 2;
  const std::string name = given[1], folder = given[3];
  const auto plane = test::start_plane(name, std::stoi(given[2]), folder);
  const auto nccl = std::make_shared<cuda::SharedNccl>(folder, name);
  cuda::HostMemory values;
  test::serve_rank(values, [&](const test::GroupOrder& order) {
    const auto detached = [](std::function<void()> f) { std::thread(std::move(f)).detach(); };
    return cuda::make_nccl_between({nccl, std::make_shared<cuda::HostMemory>(), detached},
                                   test::join(*plane, name, order),
                                   {.timeout_seconds = order.timeout_seconds, .bucket = kib(64)});
  });
  return 0;
}

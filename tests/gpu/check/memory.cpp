// The pool's wall; the kernels' bits against the host's, and how near they come to the device's own copy.
#include <bit>
#include <random>

#include "gpu/leaf_tree.hpp"
#include "tests/gpu/check/sections.hpp"
#include "tests/gpu/collective_reference.hpp"

namespace troupe::cuda::check {
namespace {

constexpr std::size_t kLarge = std::size_t{64}
                               << 18;  // elements: 64 MiB of float, past the second-level cache
constexpr int kRuns = 10;

template <class T>
TreeLeaves one_a_member(const std::vector<std::unique_ptr<Array<T>>>& members) {
  std::vector<Subtree> ones;
  for (int i = 0; i < static_cast<int>(members.size()); ++i) ones.push_back({i, i + 1});
  const auto times = merges(static_cast<int>(members.size()), ones);
  TreeLeaves leaves{};
  leaves.count = static_cast<int>(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    leaves.at[i] = members[i]->data();
    leaves.merges[i] = times[i];
  }
  return leaves;
}

template <class T>
bool tree_has_the_hosts_bits(Bench& bench, T scale) {
  const Stream stream = bench.table->now().stream;
  for (const int count : {1, 2, 3, 5, 8, 13, 33, 200})
    for (const std::size_t n : {1u, 255u, 4'099u}) {
      const auto values = test::random_members<T>(count, n);
      std::vector<std::unique_ptr<Array<T>>> members;
      for (const auto& v : values) members.push_back(std::make_unique<Array<T>>(bench, v));
      Array<T> out(bench, n);
      want(bench.kernels->tree_sum(one_a_member(members), out.data(), n, scale, stream));
      if (!test::same_bits<T>(out.values(), test::reference_sum(values, n, scale))) return false;
    }
  return true;
}

struct AdamArrays {
  AdamArrays(Bench& bench, std::size_t n)
      : g(bench, n), p(bench, n), v(bench, n), e(bench, n), p2(bench, n), v2(bench, n), e2(bench, n) {}
  Array<float> g, p, v, e, p2, v2, e2;
  TroupeAdam arguments(const AdamStep& s) const {
    return {s.rate,   s.beta2,  s.correction, s.decay,   g.data(), p.data(),
            v.data(), e.data(), p2.data(),    v2.data(), e2.data()};
  }
};

bool adam_has_the_hosts_bits(Bench& bench) {
  constexpr std::size_t n = 10'007;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> g(n), p(n), v(n), e(n);
  for (std::size_t i = 0; i < n; ++i) {
    g[i] = i % 7 == 0 ? 0.0F : normal(random) * 1e-3F;
    p[i] = normal(random);
    v[i] = std::abs(normal(random)) * 1e-6F;
    e[i] = normal(random);
  }
  AdamArrays on(bench, n);
  const Stream stream = bench.table->now().stream;
  const Bytes bytes{static_cast<std::int64_t>(n * sizeof(float))};
  const std::pair<Array<float>*, std::vector<float>*> all[] = {
      {&on.g, &g}, {&on.p, &p}, {&on.v, &v}, {&on.e, &e}};
  for (const auto& [to, from] : all) want(bench.driver->copy(to->data(), from->data(), bytes, stream));
  const AdamStep step{1.5e-3F, 0.99F, 1.37F, 0.999F};
  want(bench.kernels->adam(on.arguments(step), n, stream));
  const auto p2 = on.p2.values(), v2 = on.v2.values(), e2 = on.e2.values();
  const auto same = [](float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
  };
  for (std::size_t i = 0; i < n; ++i) {
    const float second = adam_v(step, g[i], v[i]), moved = adam_p(step, g[i], p[i], second);
    if (!same(second, v2[i]) || !same(moved, p2[i]) || !same(adam_e(step, e[i], moved), e2[i])) return false;
  }
  return true;
}

/// Bytes a second that `work` reads and writes, as a share of what a copy within the device does.
void bandwidth(Bench& bench, Report& report, const std::string& what, double copy, double moved,
               const std::function<void()>& work) {
  const double seconds = device_seconds(bench, bench.table->now().stream, kRuns, work);
  report.figure(what, moved / seconds * 1e-9, "GB/s");
  report.figure(what + ", against the device's own copy", moved / seconds / copy, "ratio", Goal{0.8, false});
}

void check_bandwidth(Bench& bench, Report& report) {
  constexpr double kBytes = kLarge * sizeof(float);
  const Stream stream = bench.table->now().stream;
  AdamArrays a(bench, kLarge);
  const double copied = device_seconds(bench, stream, kRuns, [&] {
    want(bench.driver->copy(a.p2.data(), a.p.data(), {static_cast<std::int64_t>(kBytes)}, stream));
  });
  const double copy = 2 * kBytes / copied;
  report.figure("a copy within the device, read and written", copy * 1e-9, "GB/s");
  std::vector<std::unique_ptr<Array<float>>> members;
  for (int i = 0; i < 8; ++i) members.push_back(std::make_unique<Array<float>>(bench, kLarge));
  const TreeLeaves eight = one_a_member(members);
  members.resize(2);
  const TreeLeaves two = one_a_member(members);
  for (const auto& [name, leaves] : {std::pair{"2", &two}, {"8", &eight}})
    bandwidth(bench, report, std::string("the tree's sum of ") + name + " buffers of 64 MiB", copy,
              (leaves->count + 1) * kBytes,
              [&, l = leaves] { want(bench.kernels->tree_sum(*l, a.p2.data(), kLarge, 1, stream)); });
  bandwidth(bench, report, "Adam with a moving average, 16 Mi parameters", copy, 7 * kBytes, [&] {
    want(bench.kernels->adam(a.arguments({1e-3F, 0.99F, 1, 0.999F}), kLarge, stream));
  });
}

}  // namespace

void check_pool(Bench& bench, Report& report) {
  const Stream stream = bench.table->now().stream;
  const Owned<Pool> pool(bench.driver, want(bench.driver->make_pool(0, mib(64))));
  const auto inside = bench.driver->allocate(pool.get(), stream, mib(48));
  report.must("48 MiB of a pool of 64 are given", inside.has_value());
  const auto outside = bench.driver->allocate(pool.get(), stream, mib(32));
  report.must("32 MiB more are refused, as no_capacity",
              !outside && outside.error().code == ErrorCode::no_capacity);
  if (inside) want(bench.driver->free(*inside, stream));
  want(bench.driver->synchronize(stream));
  want(bench.driver->trim(pool.get(), {}));
  report.must("a trimmed pool holds nothing",
              want(bench.driver->pool_counts(pool.get())).reserved == Bytes{});
  const auto byte = bench.driver->allocate(pool.get(), stream, {1});
  const auto counts = want(bench.driver->pool_counts(pool.get()));
  report.figure("one byte takes of the pool", static_cast<double>(counts.used.count), "bytes");
  report.figure("and of the device", static_cast<double>(counts.reserved.count), "bytes");
  if (byte) want(bench.driver->free(*byte, stream));
}

void check_kernels(Bench& bench, Report& report) {
  if (!bench.kernels) return report.not_run("kernels", "they are not built");
  report.must("the tree's sum of float has the host's bits", tree_has_the_hosts_bits<float>(bench, 0.3F));
  report.must("the tree's sum of double has the host's bits",
              tree_has_the_hosts_bits<double>(bench, 1.0 / 3));
  report.must("the tree's sum of int64 has the host's bits", tree_has_the_hosts_bits<std::int64_t>(bench, 3));
  report.must("Adam has the host's bits", adam_has_the_hosts_bits(bench));
  check_bandwidth(bench, report);
}

}  // namespace troupe::cuda::check

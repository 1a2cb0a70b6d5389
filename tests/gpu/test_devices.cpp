#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "gpu/devices.hpp"

namespace troupe {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

/// A machine of files.
class FakeRoot : public testing::Test {
 protected:
  FakeRoot() {
    root_ = fs::temp_directory_path() /
            fmt::format("troupe-devices-{}-{}", getpid(),
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root_);
  }
  ~FakeRoot() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  void machine(const std::string& cpus, const std::string& kib_count = "16777216") {
    write("proc/self/status",
          "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t" + cpus + "\nMems_allowed:\t1\n");
    write("proc/meminfo", "MemTotal:       " + kib_count + " kB\nMemFree:         1000 kB\n");
  }
  void topology(int cpu, int package, int physical) {
    write(fmt::format("sys/devices/system/cpu/cpu{}/topology/physical_package_id", cpu),
          fmt::format("{}\n", package));
    write(fmt::format("sys/devices/system/cpu/cpu{}/topology/core_id", cpu), fmt::format("{}\n", physical));
  }
  CpuDevice found() {
    auto device = discover_cpu(root_);
    EXPECT_TRUE(device) << device.error().text();
    return device.value_or(CpuDevice{});
  }
  static std::vector<int> cpus(const CpuDevice& device) {
    std::vector<int> all;
    for (const auto& core : device.cores) {
      EXPECT_EQ(core.id, static_cast<int>(all.size()));
      all.push_back(core.cpu);
    }
    return all;
  }
  fs::path root_;
};

TEST_F(FakeRoot, one_core_and_nothing_else_told) {
  machine("0");
  const auto device = found();
  EXPECT_THAT(cpus(device), ElementsAre(0));
  EXPECT_EQ(device.memory, gib(16));
  EXPECT_EQ(device.cgroup_cpus, 0);
  EXPECT_EQ(device.model, "unknown");
  EXPECT_EQ(device.instruction_set, "unknown");
}

TEST_F(FakeRoot, two_sockets_with_hyper_threads_give_physical_cores_first) {
  machine("0-63");
  for (int cpu = 0; cpu < 64; ++cpu) topology(cpu, cpu % 32 / 16, cpu % 16);  // cpu and cpu + 32 are siblings
  const auto device = found();
  ASSERT_EQ(device.cores.size(), 64u);
  for (int i = 0; i < 64; ++i) {
    const auto& core = device.cores[static_cast<std::size_t>(i)];
    EXPECT_EQ(core.cpu, i);
    EXPECT_EQ(core.package, i % 32 / 16);
    EXPECT_EQ(core.physical, i % 16);
  }
}

TEST_F(FakeRoot, the_largest_cache_that_others_share_is_found) {
  machine("0-1");
  const auto cache = [&](int index, const char* size, const char* sharers) {
    const auto folder = fmt::format("sys/devices/system/cpu/cpu0/cache/index{}/", index);
    write(folder + "size", size);
    write(folder + "shared_cpu_list", sharers);
  };
  cache(0, "32K\n", "0\n");
  EXPECT_EQ(found().shared_cache, Bytes{});
  cache(1, "1048576K\n", "0\n");  // larger, and its own
  cache(2, "32768K\n", "0-1\n");
  cache(3, "much\n", "0-1\n");
  EXPECT_EQ(found().shared_cache, mib(32));
}

TEST_F(FakeRoot, siblings_that_are_numbered_as_neighbours_are_told_apart) {
  machine("0-7");
  for (int cpu = 0; cpu < 8; ++cpu) topology(cpu, 0, cpu / 2);
  EXPECT_THAT(cpus(found()), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
}

TEST_F(FakeRoot, the_mask_is_cut_by_what_is_online) {
  machine("0-127");
  write("sys/devices/system/cpu/online", "0,2-3\n");
  EXPECT_THAT(cpus(found()), ElementsAre(0, 2, 3));
}

TEST_F(FakeRoot, a_mask_that_is_garbage_leaves_what_is_online) {
  write("sys/devices/system/cpu/online", "0-1\n");
  for (const char* mask : {"", "zebra", "3-1", "0-99999999999999", "-4", "1,,2"}) {
    machine(mask);
    EXPECT_THAT(cpus(found()), ElementsAre(0, 1)) << mask;
  }
}

TEST_F(FakeRoot, version_2_limits_count_from_the_group_up_to_the_root) {
  machine("0-7");
  write("proc/self/cgroup", "0::/kube/pod/box\n");
  write("sys/fs/cgroup/kube/pod/box/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/kube/pod/box/memory.max", "max\n");
  write("sys/fs/cgroup/kube/pod/cpu.max", "350000 100000\n");
  write("sys/fs/cgroup/kube/memory.max", "1073741824\n");
  write("sys/fs/cgroup/kube/pod/memory.max", "2147483648\n");
  const auto device = found();
  EXPECT_THAT(cpus(device), ElementsAre(0, 1, 2));
  EXPECT_EQ(device.cgroup_cpus, 3.5);
  EXPECT_EQ(device.memory, gib(1));
}

TEST_F(FakeRoot, a_quota_of_a_cpu_and_a_half_is_one_core_and_of_less_than_one_too) {
  machine("0-7");
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(found().cores.size(), 1u);
  EXPECT_EQ(found().cgroup_cpus, 1.5);
  write("sys/fs/cgroup/cpu.max", "20000 100000\n");
  EXPECT_EQ(found().cores.size(), 1u);
  write("sys/fs/cgroup/cpu.max", "99900000 100000\n");
  EXPECT_EQ(found().cores.size(), 8u);
}

TEST_F(FakeRoot, version_1_limits_are_found_even_where_the_path_is_the_host_s) {
  machine("0-7");
  write("proc/self/cgroup", "9:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/x\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const auto device = found();
  EXPECT_THAT(cpus(device), ElementsAre(0, 1));
  EXPECT_EQ(device.memory, mib(512));
}

TEST_F(FakeRoot, limits_that_are_none_or_garbage_limit_nothing) {
  machine("0-3");
  write("proc/self/cgroup", "0::/../../etc\n9:memory:/a\n3:cpu:/a\nrubbish\n::\n");
  write("sys/fs/cgroup/cpu.max", "-5 0\n");
  write("sys/fs/cgroup/memory.max", "12 monkeys\n");
  write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
  const auto device = found();
  EXPECT_EQ(device.cores.size(), 4u);
  EXPECT_EQ(device.memory, gib(16));
  EXPECT_EQ(device.cgroup_cpus, 0);
}

TEST_F(FakeRoot, tells_model_and_instruction_set) {
  machine("0");
  const auto with = [&](const std::string& flags) {
    write("proc/cpuinfo",
          "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9B14\nflags\t\t: " + flags + "\n");
    return found().instruction_set;
  };
  EXPECT_EQ(with("fpu sse4_2"), "sse4");
  EXPECT_EQ(with("fpu sse4_2 avx2 fma"), "avx2");
  EXPECT_EQ(with("sse4_2 avx2 fma avx512f avx512bw avx512dq avx512vl"), "avx512");
  EXPECT_EQ(with("fpu"), "unknown");
  EXPECT_EQ(found().model, "AMD EPYC 9B14");
}

TEST_F(FakeRoot, without_cpus_or_memory_it_says_which_file_is_missing) {
  const auto no_cpus = discover_cpu(root_);
  ASSERT_FALSE(no_cpus);
  EXPECT_EQ(no_cpus.error().code, ErrorCode::io);
  EXPECT_THAT(no_cpus.error().text(), HasSubstr("proc/self/status"));
  for (const char* total : {"", "many", "-3", "0", "99999999999999999999"}) {
    machine("0", total);
    const auto no_memory = discover_cpu(root_);
    ASSERT_FALSE(no_memory) << total;
    EXPECT_THAT(no_memory.error().text(), HasSubstr("proc/meminfo"));
  }
}

TEST(Devices, this_machine_has_a_core_and_memory) {
  const auto device = discover_cpu();
  ASSERT_TRUE(device) << device.error().text();
  EXPECT_GE(device->cores.size(), 1u);
  EXPECT_GT(device->memory, mib(64));
}

CpuDevice two_cores() { return {"m", "avx2", {{.id = 0, .cpu = 4}, {.id = 1, .cpu = 6}}, gib(2), 0}; }

TEST(RestrictCpu, takes_the_first_cores_and_the_memory_asked) {
  const auto part = restrict_cpu(two_cores(), 1, gib(1), false);
  ASSERT_TRUE(part);
  ASSERT_EQ(part->cores.size(), 1u);
  EXPECT_EQ(part->cores[0].cpu, 4);
  EXPECT_FALSE(part->cores[0].shared);
  EXPECT_EQ(part->memory, gib(1));
}

TEST(RestrictCpu, shares_cpus_only_when_told_to) {
  const auto refused = restrict_cpu(two_cores(), 3, gib(1), false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::no_capacity);
  const auto part = restrict_cpu(two_cores(), 3, gib(1), true);
  ASSERT_TRUE(part);
  ASSERT_EQ(part->cores.size(), 3u);
  EXPECT_EQ(part->cores[2].id, 2);
  EXPECT_EQ(part->cores[2].cpu, 4);
  EXPECT_TRUE(part->cores[0].shared);
  EXPECT_FALSE(part->cores[1].shared);
  EXPECT_TRUE(part->cores[2].shared);
}

TEST(RestrictCpu, refuses_nothing_and_too_much) {
  EXPECT_EQ(restrict_cpu(two_cores(), 0, gib(1), true).error().code, ErrorCode::bad_config);
  EXPECT_EQ(restrict_cpu(two_cores(), -2, gib(1), true).error().code, ErrorCode::bad_config);
  EXPECT_EQ(restrict_cpu(two_cores(), 1, {0}, true).error().code, ErrorCode::bad_config);
  EXPECT_EQ(restrict_cpu(two_cores(), 1, gib(3), true).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(restrict_cpu({}, 1, {1}, true).error().code, ErrorCode::no_capacity);
}

}  // namespace
}  // namespace troupe

// Small jobs together on one device: on slices of one process, on streams of one process without slices, and
// as processes among which the driver shares its time.
//   gpu_check_step packing FOLDER KERNELS HALF SECONDS
//   gpu_check_step child FOLDER KERNELS HALF SIZE JOBS   one of JOBS jobs, in a process of its own
// which is told "run SECONDS" by line and answers "ran IMAGES SECONDS".
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <latch>
#include <sstream>

#include "tests/gpu/check/step/children.hpp"
#include "tests/gpu/check/step/job.hpp"

namespace troupe::cuda::check {
namespace {

constexpr int kWarm = 6;
constexpr double kStartSeconds = 90;  // of a process, until its job is warm

int size_of(const World& world, int job) {
  constexpr int kSizes[] = {8, 16, 32};
  return world.host ? 4 << job % 2 : kSizes[job % 3];
}

JobOptions options(const World& world, int size, int jobs, const std::vector<int>& pieces) {
  return {.size = size, .pieces = pieces, .budget = Bytes{world.most.count / (2 * jobs)}};
}

double rate(const Job::Timed& timed) { return timed.images / timed.seconds; }

/// All at once in this process; job i on pieces[i]. Images a second of each. Throws the first job's failure.
std::vector<double> together(const World& world, const std::vector<std::vector<int>>& pieces,
                             double seconds) {
  const int jobs = static_cast<int>(pieces.size());
  std::vector<double> rates(pieces.size());
  std::vector<std::exception_ptr> failed(pieces.size());
  std::latch warm(jobs), over(jobs);  // kept by who failed too: nobody waits for ever
  const auto run = [&](int number) {
    const auto at = static_cast<std::size_t>(number);
    std::unique_ptr<Job> job;
    const auto guarded = [&](const std::function<void()>& work) {
      try {
        if (!failed[at]) work();
      } catch (...) {
        failed[at] = std::current_exception();
      }
    };
    guarded([&] {
      want(world.driver->enter(0));
      job = std::make_unique<Job>(world, options(world, size_of(world, number), jobs, pieces[at]));
      job->steps(kWarm);
    });
    warm.arrive_and_wait();
    guarded([&] { rates[at] = rate(job->run_for(seconds)); });
    over.arrive_and_wait();  // what its end gives back would stop the others
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < jobs; ++i) threads.emplace_back(run, i);
  }
  for (const auto& one : failed)
    if (one) std::rethrow_exception(one);
  return rates;
}

using Children = std::vector<std::unique_ptr<Child>>;

Children start_children(const World& world, int jobs) {
  Children children;
  for (int i = 0; i < jobs; ++i)
    children.push_back(
        want(Child::start({"/proc/self/exe", "child", world.given.folder, world.given.kernels,
                           world.given.half, std::to_string(size_of(world, i)), std::to_string(jobs)})));
  for (const auto& child : children) want(child->hear("warm", kStartSeconds));
  return children;
}

/// The first `jobs` of the processes at once; the others wait for a line and have no work on the device.
std::vector<double> in_processes(const Children& children, int jobs, double seconds) {
  for (int i = 0; i < jobs; ++i)
    want(children[static_cast<std::size_t>(i)]->tell("run " + std::to_string(seconds)));
  std::vector<double> rates;
  for (int i = 0; i < jobs; ++i) {
    std::istringstream told(
        want(children[static_cast<std::size_t>(i)]->hear("ran", 10 * seconds + kStartSeconds)));
    Job::Timed timed;
    if (!(told >> timed.images >> timed.seconds) || timed.seconds <= 0)
      throw ErrorException({ErrorCode::internal, "a job's process answered nonsense", "packing", told.str()});
    rates.push_back(rate(timed));
  }
  return rates;
}

/// Shares of the device as equal as whole pieces are.
std::vector<std::vector<int>> shares(const World& world, int jobs) {
  std::vector<std::vector<int>> all;
  for (int i = 0; i < jobs; ++i) {
    const int first = world.pieces() * i / jobs, end = world.pieces() * (i + 1) / jobs;
    all.push_back(World::run(first, end - first));
  }
  return all;
}

}  // namespace

void check_packing(const World& world, Report& report) {
  std::signal(SIGPIPE, SIG_IGN);  // a process that ended is an error, told by tell()
  const double seconds = world.given.arguments.empty() ? 2 : std::stod(world.given.arguments.front());
  const std::vector<int> counts = world.host ? std::vector{2} : std::vector{2, 4, 8};
  const auto sample = [&](const std::string& how, const std::vector<double>& rates) {
    std::vector<int> sizes;
    for (std::size_t i = 0; i < rates.size(); ++i) sizes.push_back(size_of(world, static_cast<int>(i)));
    report.sample({{"of", "packing"}, {"how", how}, {"sizes", sizes}, {"images_per_second", rates}});
  };
  // each size by itself on the whole device: what the others are measured in
  std::vector<int> known;
  for (int i = 0; i < counts.back(); ++i) {
    const int size = size_of(world, i);
    if (std::find(known.begin(), known.end(), size) != known.end()) continue;
    known.push_back(size);
    Job job(world, options(world, size, counts.back(), world.all()));
    job.steps(kWarm);
    report.sample({{"of", "packing"},
                   {"how", "alone"},
                   {"sizes", {size}},
                   {"images_per_second", {rate(job.run_for(seconds))}}});
  }
  const auto part = [&](const std::string& what, const std::function<void()>& work) {
    try {
      work();
    } catch (...) {  // the other ways are measured all the same
      report.failed("packing: " + what, from_current_exception("packing"));
    }
  };
  for (const int jobs : counts) {
    const std::string number = std::to_string(jobs) + " jobs ";
    part(number + "on slices", [&] { sample("slices", together(world, shares(world, jobs), seconds)); });
    const std::vector<std::vector<int>> whole(static_cast<std::size_t>(jobs), world.all());
    part(number + "on streams", [&] { sample("streams", together(world, whole, seconds)); });
  }
  part("processes", [&] {
    const Children children = start_children(world, counts.back());
    for (const int jobs : counts) sample("processes", in_processes(children, jobs, seconds));
  });
}

int run_child(const World& world) {
  if (world.given.arguments.size() < 2)
    throw ErrorException({ErrorCode::bad_usage, "a size and a number of jobs are wanted", "child"});
  const int size = std::stoi(world.given.arguments[0]), jobs = std::stoi(world.given.arguments[1]);
  Job job(world, options(world, size, jobs, world.all()));
  job.steps(kWarm);
  std::printf("warm %d\n", size);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    double seconds = 0;
    if (!(words >> word >> seconds) || word != "run")
      throw ErrorException({ErrorCode::bad_usage, "it is told \"run SECONDS\"", "child", line});
    const Job::Timed timed = job.run_for(seconds);
    std::printf("ran %.17g %.17g\n", timed.images, timed.seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace troupe::cuda::check

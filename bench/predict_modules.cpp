#include "bench/predict_modules.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "bench/speed_peer.hpp"
#include "predict/module/script_step.hpp"
#include "tests/predict/module/nets.hpp"
#include "tests/predict/module/peak.hpp"

namespace troupe::bench {
namespace {

struct Configuration {
  const char* kind;
  int base, depth;
  std::int64_t side, batch;
  int patch = 0;

  nlohmann::json json() const {
    return {{"kind", kind}, {"base", base},   {"depth", depth},
            {"side", side}, {"batch", batch}, {"patch", patch}};
  }
  std::string name() const {
    return std::string(kind) + ", width " + std::to_string(base) + ", depth " + std::to_string(depth) +
           ", side " + std::to_string(side) + ", batch " + std::to_string(batch);
  }
};

const std::vector<Configuration> kModules{
    {"unet2", 8, 2, 64, 2},       {"unet2", 16, 3, 64, 4},       {"unet2", 16, 3, 128, 2},
    {"unet2", 32, 4, 128, 1},     {"unet2", 32, 4, 128, 4},      {"unet2", 16, 4, 192, 3},
    {"unet2", 24, 3, 160, 2},     {"unet2", 32, 3, 256, 1},      {"unet2", 16, 2, 256, 4},
    {"unet2", 48, 4, 96, 2},      {"unet3", 8, 2, 16, 2},        {"unet3", 8, 2, 32, 1},
    {"unet3", 8, 2, 32, 4},       {"unet3", 16, 3, 32, 1},       {"unet3", 16, 3, 32, 2},
    {"unet3", 12, 2, 48, 1},      {"unet3", 8, 3, 64, 1},        {"unet3", 16, 2, 64, 1},
    {"unet3", 12, 3, 64, 2},      {"mixer", 128, 4, 32, 16, 4},  {"mixer", 256, 6, 64, 32, 8},
    {"mixer", 384, 8, 96, 16, 8}, {"mixer", 256, 8, 224, 8, 16}, {"residual", 16, 3, 32, 32},
    {"residual", 32, 4, 64, 16},  {"residual", 16, 4, 128, 8},   {"residual", 64, 3, 32, 64},
    {"traced", 0, 0, 64, 8},      {"traced", 0, 0, 128, 16},     {"scripted", 0, 0, 64, 8},
    {"scripted", 0, 0, 128, 16}};

constexpr int kClasses = 10;
/// The peer that is no forecast: the same network's step, run in Python.
const std::string kRun = "profiler_run";

struct Script {
  std::string path, bytes;
  meta::ScriptFile file;
};

std::function<meta::ModuleStep()> builder(const Configuration& c) {
  const std::string kind = c.kind;
  if (kind == "unet2") return [c] { return test::unet_step<2>(c.base, c.depth, c.side, c.batch); };
  if (kind == "unet3") return [c] { return test::unet_step<3>(c.base, c.depth, c.side, c.batch); };
  if (kind == "mixer")
    return [c] {
      const int side = static_cast<int>(c.side);
      return test::classifier_step(std::make_shared<test::Mixer>(side, c.patch, c.base, c.depth, kClasses),
                                   side, c.batch, kClasses);
    };
  return [c] {
    return test::classifier_step(std::make_shared<test::Residual>(c.base, c.depth, kClasses), c.side, c.batch,
                                 kClasses);
  };
}

Script script_of(Peer& python, const std::string& folder, Configuration c) {
  // traced at one size, used at others
  c.side = 32;
  c.batch = 2;
  nlohmann::json question = c.json();
  Script script{.path = folder + "/" + c.kind + ".pt"};
  question["save"] = script.path;
  python.ask(question.dump());
  script.bytes = meta::read_script_file(script.path).value();
  script.file =
      meta::check_script_file(
          {reinterpret_cast<const std::uint8_t*>(script.bytes.data()), script.bytes.size()}, script.path)
          .value();
  return script;
}

}  // namespace

std::vector<ModuleSample> sample_modules(const Report& report, const std::string& folder,
                                         const std::string& packages) {
  ::setenv("TROUPE_PEER_PACKAGES", packages.c_str(), 1);
  Peer python({TROUPE_VENV "/bin/python", "-B", std::string(TROUPE_PEERS) + "/memory_peer.py"});
  meta::Measured measured;
  std::vector<ModuleSample> samples;
  for (const Configuration& c : kModules) {
    const std::string kind = c.kind;
    const bool is_script = kind == "traced" || kind == "scripted";
    const std::vector<std::int64_t> shape{c.batch, 3, c.side, c.side};
    Script script;
    if (is_script) script = script_of(python, folder, c);
    std::function<meta::ModuleStep()> build = is_script ? nullptr : builder(c);
    const auto forecast = [&] {
      return is_script ? meta::forecast_script(script.path, shape, {}, measured)
                       : meta::forecast_step(build, measured);
    };
    ModuleSample s{.name = c.name()};
    double began = now();
    auto told = forecast();
    s.first_milliseconds = 1e3 * (now() - began);
    if (!told) throw ErrorException(told.error());
    std::vector<double> times;
    for (int i = 0; i < 5; ++i) {
      began = now();
      told = forecast();
      times.push_back(1e3 * (now() - began));
    }
    s.milliseconds = median(times);
    s.told = static_cast<double>(told->peak);
    s.headroom = static_cast<double>(told->headroom);
    if (is_script)
      build = [&] { return meta::script_step(script.path, script.bytes, script.file, shape, {}, false); };
    s.taken = static_cast<double>(test::peak_of(build));
    const auto peers = python.ask(c.json().dump());
    for (const auto& [name, bytes] : peers.items()) s.peers[name] = bytes.get<double>();
    std::string line = s.name + ": told " + std::to_string(s.told / 1048576) + " MiB, took " +
                       std::to_string(s.taken / 1048576) + ", " + std::to_string(s.milliseconds) +
                       " ms (first " + std::to_string(s.first_milliseconds) + "); peers";
    for (const auto& [name, bytes] : s.peers) line += " " + name + " " + std::to_string(bytes / 1048576);
    report.note(line);
    samples.push_back(std::move(s));
  }
  return samples;
}

void report_peers(Report& report, const std::vector<ModuleSample>& samples) {
  std::map<std::string, std::vector<double>> errors;
  std::map<std::string, int> under, failed;
  for (const ModuleSample& s : samples) {
    const auto run = s.peers.find(kRun);
    const double python = run == s.peers.end() || run->second <= 0 ? s.taken : run->second;
    for (const auto& [name, bytes] : s.peers) {
      if (bytes <= 0) {
        ++failed[name];
        continue;
      }
      const double truth = name == kRun ? s.taken : python;
      errors[name].push_back(std::abs(bytes - truth) / truth);
      under[name] += bytes < truth ? 1 : 0;
    }
  }
  for (const auto& [name, e] : errors) {
    const int count = static_cast<int>(e.size());
    const auto row = [&](const char* what, double value) {
      report.add(
          {name + what,
           "",
           value,
           {},
           true,
           count,
           0,
           0,
           std::string(name == kRun ? "run in Python against run in C++" : "against the run in Python") +
               (failed[name] > 0 ? ", failed for " + std::to_string(failed[name]) : "")});
    };
    row("_median_error", median(e));
    row("_p95_error", percentile(e, 95));
    row("_worst_error", percentile(e, 100));
    row("_under_share", static_cast<double>(under[name]) / count);
  }
  for (const char* name : {"fake_mem_tracker", "torchinfo", "fvcore", "profiler_run"})
    if (errors.find(name) == errors.end())
      report.note(std::string("peer ") + name + " is left out: it is not installed, or failed everywhere");
}

}  // namespace troupe::bench

// GPUs of all nodes: each has a ledger of its own, and its jobs stay with it while it is there.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>

#include "actors/supervisor.hpp"

namespace troupe {
namespace {

constexpr std::size_t kMostGpus = 64;  // of a node
constexpr int kMostPieces = 1024;      // of a GPU
constexpr unsigned kMostSms = 65536;
constexpr std::size_t kMostName = 32, kMostModel = 128;  // bytes

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= kMostName && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}
bool is_model(const std::string& text) {
  return !text.empty() && text.size() <= kMostModel &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}
bool is_size(const GpuDevice& gpu) {
  return gpu.sms >= 1 && gpu.sms <= kMostSms && gpu.sms_a_piece >= 1 && gpu.pieces >= 1 &&
         gpu.pieces <= kMostPieces && gpu.sms / gpu.sms_a_piece >= static_cast<unsigned>(gpu.pieces) &&
         gpu.memory.count >= 1;
}

/// Of what model it was before the head's end; empty where nobody noted one. A line, read once a job.
std::string noted_model(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return is_model(line) ? line : "";
}

}  // namespace

Result<void> Supervisor::check_gpus(const wire::Card& card) const {
  const auto refuse = [&](std::string what, std::string given, std::string allowed) {
    return troupe::fail({.code = ErrorCode::bad_config,
                         .what = std::move(what),
                         .where = "node " + card.name,
                         .given = std::move(given),
                         .allowed = std::move(allowed)});
  };
  if (card.gpus.size() > kMostGpus)
    return refuse("a node has not so many GPUs", std::to_string(card.gpus.size()),
                  fmt::format("at most {}", kMostGpus));
  std::set<std::string> names;
  for (const auto& gpu : card.gpus) {
    if (!is_name(gpu.name) || !names.insert(gpu.name).second)
      return refuse("a GPU's name is its own, of small letters, digits, - and _",
                    gpu.name.substr(0, kMostName), fmt::format("1 … {} bytes", kMostName));
    if (!is_model(gpu.model))
      return refuse("the model of a GPU is printable text", fmt::format("{} bytes", gpu.model.size()),
                    fmt::format("1 … {} bytes", kMostModel));
    if (!is_size(gpu))
      return refuse(
          "a GPU of that size makes no sense",
          fmt::format("{}: {} SMs, {} pieces of {}, {} bytes", gpu.name, gpu.sms, gpu.pieces, gpu.sms_a_piece,
                      gpu.memory.count),
          fmt::format("1 … {} SMs, 1 … {} pieces, which are no more than the SMs", kMostSms, kMostPieces));
  }
  return {};
}

void Supervisor::add_gpus(const std::vector<GpuPlace>& gpus) {
  // a user's quota counts CPUs
  PlanRules of_gpus = rules();
  of_gpus.user_cores.reset();
  of_gpus.user_memory.reset();
  of_gpus.core = kPieceWord;
  for (const auto& gpu : gpus) {
    Ledger& ledger = gpus_[gpu.node];
    ledger.set_rules(of_gpus, args_.config.cluster.patience_seconds);
    ledger.add_device(view_of(gpu));
    Event e{.kind = EventKind::node_up,
            .node = gpu.node,
            .text = fmt::format("{}, {} SMs in {} pieces, {}", gpu.model, gpu.sms, gpu.pieces,
                                to_string(gpu.memory))};
    e.cores = gpu.pieces;
    self_->send(args_.recorder, Events{{e}});
  }
}

void Supervisor::remove_gpus(const NodeEntry& node, const std::string& why) {
  for (const auto& gpu : node.gpus) {
    gpus_.at(gpu.node).remove_device(gpu.node);
    Event e{
        .kind = node.link ? EventKind::node_drained : EventKind::node_down, .node = gpu.node, .text = why};
    e.cores = gpu.pieces;
    self_->send(args_.recorder, Events{{e}});
  }
}

std::vector<GpuPlace> Supervisor::offered_gpus() const {
  auto all = args_.gpus;
  for (const auto& [called, node] : nodes_)
    if (node.works()) all.insert(all.end(), node.gpus.begin(), node.gpus.end());
  return all;
}

std::map<std::string, int> Supervisor::jobs_bound() const {
  std::map<std::string, int> bound;
  for (const auto& [called, job] : jobs_)
    if (!job.over() && job.on_gpu()) ++bound[job.gpu.node];
  return bound;
}

/// Settles the job's `gpu`. None of a model that it was on before, and nodes may come: it is to wait.
Result<GpuPlace> Supervisor::bind(Submit& m) const {
  if (m.job.gpu == GpuUse::none) return GpuPlace{};
  GpuPlace before;
  if (m.resume) before.model = noted_model(args_.run / m.job.name / "gpu");
  if (!before.model.empty()) m.job.gpu = GpuUse::require;
  const auto offered = offered_gpus();
  const auto fit = gpus_of_model(offered, before.model);
  const auto chosen = choose_gpu(m.job, fit, jobs_bound());
  if (!chosen && m.resume && args_.plane) return before;
  if (!chosen && fit.empty() && !offered.empty())
    return troupe::fail({ErrorCode::no_capacity, "it was on a GPU of a model that is not there any more",
                         "job " + m.job.name, offered.front().model, before.model,
                         "Its bits are that model's: resume it where there is one"});
  if (!chosen) return troupe::fail(chosen.error());
  m.job.gpu = chosen->empty() ? GpuUse::none : GpuUse::require;
  for (const auto& gpu : fit)
    if (gpu.node == *chosen) return gpu;
  return GpuPlace{};
}

/// For a head that is started again.
void Supervisor::note_model(const JobEntry& job) {
  if (job.gpu.node.empty()) return;
  self_->send(args_.recorder, KeepFile{args_.run / job.config.name / "gpu", job.gpu.model + "\n"});
}

bool Supervisor::gpu_is_there(const JobEntry& job) const {
  if (job.unfit.contains(process_of(job.gpu.node))) return false;
  for (const auto& gpu : offered_gpus())
    if (gpu.node == job.gpu.node) return gpu.model == job.gpu.model;
  return false;
}

/// GPUs came or went: jobs whose own is gone are bound to another one of its model, or wait.
void Supervisor::bind_anew() {
  for (auto& [called, job] : jobs_) {
    if (!job.on_gpu() || job.over()) continue;
    if (!gpu_is_there(job)) {
      unplace(job);
      auto fit = gpus_of_model(offered_gpus(), job.gpu.model);
      std::erase_if(fit, [&job = job](const auto& gpu) { return job.unfit.contains(process_of(gpu.node)); });
      const auto chosen = choose_gpu(job.config, fit, jobs_bound());
      if (!chosen) {
        wait_for_gpu(job);
        continue;
      }
      const auto gpu = std::find_if(fit.begin(), fit.end(), [&](const auto& g) { return g.node == *chosen; });
      Event e{.kind = EventKind::warning, .job = called, .node = gpu->node};
      e.text = fmt::format("job {} goes to {}{}", called, gpu->node,
                           job.gpu.node.empty() ? "" : ", as " + job.gpu.node + " is gone");
      self_->send(args_.recorder, Events{{e}});
      job.gpu = *gpu;
      note_model(job);
    }
    if (job.planned || !job.asked) continue;
    if (const auto told = tell_ledger(job, *job.asked); !told) {
      Event e{.kind = EventKind::warning, .job = called, .node = job.gpu.node};
      e.text = told.error().text();
      self_->send(args_.recorder, Events{{e}});
    }
  }
}

/// It keeps nothing of the GPU that is gone.
void Supervisor::unplace(JobEntry& job) {
  if (!std::exchange(job.planned, false)) return;
  Ledger& ledger = ledger_of(job);
  job.was = ledger.jobs().at(job.config.name);
  ledger.remove_job(job.config.name);
  job.asked->held = {};
  job.told_reason.clear();
}

void Supervisor::wait_for_gpu(JobEntry& job) {
  const auto& gpu = job.gpu;
  const auto node = nodes_.find(process_of(gpu.node));
  std::string reason = "waits for a GPU" + (gpu.model.empty() ? "" : " of model " + gpu.model);
  if (node != nodes_.end())
    reason += fmt::format(": node {} is {}, and no other with one is there", node->first,
                          !node->second.link     ? "lost"
                          : node->second.drained ? "drained"
                                                 : "unfit for it");
  else
    reason += ", which no node offers now";
  if (!job.actor || job.told_reason == reason) return;
  job.told_reason = reason;
  if (job.asked) self_->send(job.actor, Assignment{{}, reason, args_.clock->now()});
  self_->send(job.actor, Waiting{reason, 0});
}

const Ledger& Supervisor::ledger_of(const JobEntry& job) const {
  return job.on_gpu() ? gpus_.at(job.gpu.node) : ledger_;
}
Ledger& Supervisor::ledger_of(const JobEntry& job) { return job.on_gpu() ? gpus_.at(job.gpu.node) : ledger_; }

/// Of a job: what it is bound to, and the SMs in force; null: it runs on CPUs.
nlohmann::json Supervisor::gpu_json(const JobEntry& job) const {
  if (!job.on_gpu()) return nullptr;
  return {{"device", job.gpu.node},
          {"model", job.gpu.model},
          {"sms", job.status.sms},
          {"of_sms", job.gpu.sms},
          {"sms_a_piece", job.gpu.sms_a_piece}};
}

nlohmann::json Supervisor::gpus_json(const std::vector<GpuPlace>& gpus, const std::string& state) const {
  auto all = nlohmann::json::array();
  for (const auto& gpu : gpus) {
    auto jobs = nlohmann::json::array();
    for (const auto& [called, job] : jobs_)
      if (job.gpu.node == gpu.node && !job.over()) jobs.push_back(called);
    all.push_back({{"name", gpu.node},
                   {"state", state},
                   {"model", gpu.model},
                   {"sms", gpu.sms},
                   {"pieces", gpu.pieces},
                   {"memory", gpu.memory.count},
                   {"jobs", jobs}});
  }
  return all;
}

}  // namespace troupe

#include "predict/ledger.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "predict/placement.hpp"

namespace troupe {
namespace {

int cores_in(const std::vector<Grant>& grants) {
  std::size_t n = 0;
  for (const auto& grant : grants) n += grant.cores.size();
  return static_cast<int>(n);
}

Error no_capacity(const std::string& job, std::string what, std::string given, std::string allowed) {
  return {ErrorCode::no_capacity, std::move(what),    "job " + job,
          std::move(given),       std::move(allowed), "Ask for less, or add a node."};
}

}  // namespace

void Ledger::add_device(DeviceView device) {
  int room = static_cast<int>(rooms_.size());
  if (spare_rooms_.empty()) {
    rooms_.emplace_back();
  } else {
    room = spare_rooms_.back();
    spare_rooms_.pop_back();
  }
  device_index_[device.node] = room;
  rooms_[static_cast<std::size_t>(room)] = {{}, device.memory};
  memory_ += device.memory;
  cores_ += static_cast<int>(device.cores.size());
  devices_.push_back(std::move(device));
  changed_ = devices_changed_ = true;
}

void Ledger::remove_device(const std::string& node) {
  const auto known = device_index_.find(node);
  if (known == device_index_.end()) return;
  const int room = known->second;
  device_index_.erase(known);
  const auto device =
      std::find_if(devices_.begin(), devices_.end(), [&](const DeviceView& d) { return d.node == node; });
  memory_ -= device->memory;
  cores_ -= static_cast<int>(device->cores.size());
  devices_.erase(device);
  for (const auto& name : jobs_on(room)) {
    for (auto* all : {&force_, &pending_, &now_})
      if (const auto it = all->find(name); it != all->end()) {
        std::erase_if(it->second, [&](const Grant& grant) { return grant.node == node; });
        if (it->second.empty() && all != &pending_) all->erase(it);
      }
    claim_again(name);
    mark_wait(name);
    touch(name);
  }
  spare_rooms_.push_back(room);
  changed_ = devices_changed_ = true;
}

/// Those that keep anything of it from others.
std::vector<std::string> Ledger::jobs_on(int room) const {
  std::vector<std::string> names;
  for (const auto& [name, claim] : claims_)
    if (claim.memory.contains(room) ||
        std::any_of(claim.cores.begin(), claim.cores.end(), [&](const auto& c) { return c.first == room; }))
      names.push_back(name);
  return names;
}

Result<void> Ledger::add_job(JobView job) {
  if (jobs_.contains(job.name))
    return fail({ErrorCode::bad_usage, "there is a job of that name", "job " + job.name, "", "",
                 "Give it another name, or stop the other one first."});
  if (job.min_cores < 1 || job.max_cores < job.min_cores || job.slices < 1)
    return fail(
        {ErrorCode::bad_config, "cores or slices make no sense", "job " + job.name,
         fmt::format("min_cores {}, max_cores {}, slices {}", job.min_cores, job.max_cores, job.slices),
         "1 <= min_cores <= max_cores, slices >= 1", ""});
  if (job.min_cores > cores_)
    return fail(no_capacity(job.name, "min_cores is more than there are", std::to_string(job.min_cores),
                            fmt::format("1 … {}", cores_)));
  if (job.memory && *job.memory > memory_)
    return fail(no_capacity(job.name, "memory is more than there is", to_string(*job.memory),
                            "up to " + to_string(memory_) + ", or 0 to let the planner choose"));
  if (auto fits = within_quota(job, job.min_cores, job.memory); !fits) return fits;
  const std::string name = job.name;
  jobs_[name] = std::move(job);
  claim_again(name);
  mark_wait(name);
  touch(name);
  changed_ = true;
  return {};
}

void Ledger::remove_job(const std::string& name) {
  if (!jobs_.contains(name)) return;
  release(name);
  claims_.erase(name);
  force_.erase(name);
  pending_.erase(name);
  now_.erase(name);
  jobs_.erase(name);
  const auto& wait = waits_[name];
  due_at_.erase({wait.due, name});
  waits_.erase(name);
  gone_.insert(name);
  if (tells_) {
    told_.jobs.erase(name);
    std::erase(told_.order, name);
  }
  std::erase(unsettled_, name);
  changed_ = true;
}

void Ledger::set_demand(const std::string& name, Demand demand) {
  const auto it = jobs_.find(name);
  if (it == jobs_.end()) return;
  it->second.demand = std::move(demand);
  touch(name);
  changed_ = true;
}

void Ledger::set_held(const std::string& name, Bytes held) {
  const auto it = jobs_.find(name);
  if (it == jobs_.end() || it->second.held == held) return;
  it->second.held = held;
  claim_again(name);
  touch(name);
  changed_ = true;
}

void Ledger::set_left(const std::string& name, std::optional<double> seconds) {
  constexpr double kSame = 0.2;
  const auto it = jobs_.find(name);
  if (it == jobs_.end()) return;
  if (seconds && !(std::isfinite(*seconds) && *seconds >= 0)) seconds.reset();
  auto& known = it->second.seconds_left;
  if (known == seconds || (known && seconds && std::abs(*known - *seconds) < kSame * *known)) return;
  known = seconds;
  if (!rules_.shortest_first) return;
  touch(name);
  changed_ = true;
}

void Ledger::bar(const std::string& name, const std::string& node) {
  const auto it = jobs_.find(name);
  if (it == jobs_.end() || !it->second.barred.insert(node).second) return;
  touch(name);
  changed_ = true;
}

void Ledger::allow(const std::string& node) {
  for (auto& [name, job] : jobs_) {
    if (job.barred.erase(node) == 0) continue;
    touch(name);
    changed_ = true;
  }
}

Result<void> Ledger::pin(const std::string& name, std::optional<int> cores, std::optional<Bytes> memory) {
  const auto it = jobs_.find(name);
  if (it == jobs_.end())
    return fail({ErrorCode::not_found, "no such job", "job " + name, "", "", "See `troupe jobs`."});
  if (cores && (*cores < 0 || *cores > cores_))
    return fail(no_capacity(name, "so many cores can't be given", std::to_string(*cores),
                            fmt::format("1 … {}, or 0 to let the planner choose", cores_)));
  if (memory && (*memory < Bytes{} || *memory > memory_))
    return fail(no_capacity(name, "so much memory can't be given", to_string(*memory),
                            "up to " + to_string(memory_) + ", or 0 to let the planner choose"));
  if (memory && *memory != Bytes{} && *memory < it->second.held)
    return fail({ErrorCode::bad_usage, "the job holds more than that", "job " + name, to_string(*memory),
                 "at least " + to_string(it->second.held), ""});
  if (auto fits = within_quota(it->second, cores, memory); !fits) return fits;
  if (cores) it->second.pinned_cores = *cores == 0 ? std::nullopt : cores;
  if (memory) it->second.memory = *memory == Bytes{} ? std::nullopt : memory;
  touch(name);
  changed_ = true;
  return {};
}

void Ledger::applied(const std::string& name, std::vector<Grant> grants) {
  const auto sent = pending_.find(name);
  if (sent == pending_.end()) return;
  // answered before the job heard that a node is lost
  std::erase_if(grants, [this](const Grant& grant) { return !device_index_.contains(grant.node); });
  const auto& mine = claims_[name].cores;
  const std::set<std::pair<int, int>> given(mine.begin(), mine.end());
  for (const auto& grant : grants) {
    const int device = device_index_.at(grant.node);
    for (const int core : grant.cores)
      if (!given.contains({device, core})) return;
  }
  if (sent->second != grants) changed_ = true;
  auto& job = jobs_[name];
  const Grants before = force(name);
  job.home = !grants.empty() ? Grants{} : before.empty() ? job.home : before;
  pending_.erase(sent);
  if (grants.empty()) {
    force_.erase(name);
    now_.erase(name);
  } else {
    now_[name] = force_[name] = grants;
  }
  claim_again(name);
  mark_wait(name);
  touch(name);
}

void Ledger::touch(const std::string& name) { touched_.push_back(name); }

/// The planner hears of all that has changed.
void Ledger::replan() {
  if (rules_changed_) planner_.set_rules(rules_);
  if (devices_changed_) planner_.set_devices(devices_);
  for (const auto& name : gone_) planner_.remove(name);
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  for (const auto& name : touched_) {
    const auto job = jobs_.find(name);
    if (job == jobs_.end()) continue;
    const auto now = now_.find(name);
    planner_.put(job->second, now == now_.end() ? nullptr : &now->second);
  }
  touched_.clear();
  gone_.clear();
  unsettled_ = planner_.plan();
  for (const auto& [name, grants] : pending_)  // they stay as they are once they have answered
    if (planner_.stays(name)) unsettled_.push_back(name);
  changed_ = devices_changed_ = rules_changed_ = tells_ = false;
}

const Plan& Ledger::plan() const {
  if (tells_) return told_;
  planner_.tell(told_);
  for (const auto& name : gone_)
    if (told_.jobs.erase(name) > 0) std::erase(told_.order, name);
  tells_ = true;
  return told_;
}

std::vector<Assign> Ledger::advance() {
  if (changed_) replan();
  auto moves = possible_moves();
  if (moves.empty() && pending_.empty() && !unsettled_.empty()) {
    if (auto move = break_circle()) return {std::move(*move)};
    replan();  // nobody will make room any more: plan from where things stand
    moves = possible_moves();
  }
  return moves;
}

std::vector<Assign> Ledger::possible_moves() {
  std::vector<Assign> shrinks, growths;
  std::erase_if(unsettled_, [&](const std::string& name) {
    return !pending_.contains(name) && force(name) == planner_.grants(name);
  });
  for (const auto& name : unsettled_) {
    if (pending_.contains(name)) continue;
    auto move = next_move(name);
    if (!move) continue;
    const bool shrink = cores_in(move->grants) < cores_in(force(name));
    send(*move);
    (shrink ? shrinks : growths).push_back(std::move(*move));
  }
  shrinks.insert(shrinks.end(), growths.begin(), growths.end());
  return shrinks;
}

std::optional<Assign> Ledger::next_move(const std::string& name) {
  const auto& target = planner_.grants(name);
  if (available(name, target)) return Assign{name, target, planner_.reason(name)};
  const auto& job = jobs_.at(name);
  if (auto part = part_now(job, target))
    return Assign{name, *part, planner_.reason(name) + "; the rest follows"};
  if (auto less = way_out(job, target))
    return Assign{name, *less, "makes way first; then " + planner_.reason(name)};
  return std::nullopt;
}

/// Jobs wait for each other's cores or bytes in a circle, which takes at least two devices: the last of them
/// in order is parked, and goes on where it shall be once that is free.
std::optional<Assign> Ledger::break_circle() {
  std::set<std::string> in_the_way;
  for (const auto& name : unsettled_)
    for (const auto& grant : planner_.grants(name))
      for (const int core : grant.cores)
        if (const auto* owner = owner_of(grant, core); owner && *owner != name) in_the_way.insert(*owner);
  for (auto name = unsettled_.rbegin(); name != unsettled_.rend(); ++name) {
    if (force(*name).empty() || (!in_the_way.empty() && !in_the_way.contains(*name))) continue;
    Assign move{*name, {}, "makes way first; then " + planner_.reason(*name)};
    send(move);
    return move;
  }
  return std::nullopt;
}

void Ledger::send(const Assign& assign) {
  pending_[assign.job] = assign.grants;
  if (assign.grants.empty())
    now_.erase(assign.job);
  else
    now_[assign.job] = assign.grants;
  claim_again(assign.job);
  touch(assign.job);
}

const std::vector<Grant>& Ledger::force(const std::string& name) const {
  static const Grants none;
  const auto it = force_.find(name);
  return it == force_.end() ? none : it->second;
}

std::vector<Grant> Ledger::in_force(const std::string& name) const { return force(name); }

}  // namespace troupe

#include "predict/turns.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace troupe::planning {
namespace {

bool submitted_before(const Work& a, const Work& b) {
  return a.job.order != b.job.order ? a.job.order < b.job.order : a.job.name < b.job.name;
}

/// Of one user and priority.
bool goes_before(const Work* a, const Work* b) {
  if (a->deadline != b->deadline) return a->deadline < b->deadline;
  return a->left != b->left ? a->left < b->left : submitted_before(*a, *b);
}

}  // namespace

bool Turns::Submitted::operator()(const Work* a, const Work* b) const { return submitted_before(*a, *b); }

int Turns::number_of(const std::string& user) {
  const auto [it, is_new] = numbers_.try_emplace(user, static_cast<int>(users_.size()));
  if (!is_new) return it->second;
  if (spare_.empty()) {
    users_.emplace_back();
  } else {
    it->second = spare_.back();
    spare_.pop_back();
  }
  const auto weight = weights_.find(user);
  users_[static_cast<std::size_t>(it->second)] = {user, weight == weights_.end() ? 1 : weight->second, {}};
  return it->second;
}

void Turns::enter(Work& work) {
  Row& row = rows_[work.job.priority][work.user];
  row.works.insert(std::upper_bound(row.works.begin(), row.works.end(), &work, goes_before), &work);
  ++row.least[work.min];
  row.wanted += work.wanted;
}

void Turns::leave(Work& work) {
  const auto rank = rows_.find(work.job.priority);
  const auto at = rank->second.find(work.user);
  Row& row = at->second;
  row.works.erase(std::lower_bound(row.works.begin(), row.works.end(), &work, goes_before));
  if (const auto least = row.least.find(work.min); --least->second == 0) row.least.erase(least);
  row.wanted -= work.wanted;
  if (row.works.empty()) rank->second.erase(at);
  if (rank->second.empty()) rows_.erase(rank);
}

void Turns::add(Work& work) {
  work.user = number_of(work.job.user);
  constexpr double never = std::numeric_limits<double>::infinity();
  work.deadline = work.job.deadline.value_or(never);
  work.left = shortest_first_ ? work.job.seconds_left.value_or(never) : 0;
  work.first = false;
  auto& jobs = users_[static_cast<std::size_t>(work.user)].jobs;
  const auto at = jobs.insert(work.job.name).first;
  users_changed_ = users_changed_ || at == jobs.begin();
  if (work.job.due) due_.insert(&work);
  enter(work);
  work.queued = changed_ = true;
}

void Turns::remove(Work& work) {
  auto& user = users_[static_cast<std::size_t>(work.user)];
  if (*user.jobs.begin() == work.job.name) users_changed_ = true;
  user.jobs.erase(work.job.name);
  if (user.jobs.empty()) {
    numbers_.erase(user.name);
    spare_.push_back(work.user);
  }
  if (work.job.due) due_.erase(&work);
  if (work.first)
    std::erase(first_, &work);
  else
    leave(work);
  work.queued = false;
  changed_ = true;
}

void Turns::want(Work& work, int cores) {
  if (work.queued && !work.first) rows_[work.job.priority][work.user].wanted += cores - work.wanted;
  work.wanted = cores;
}

void Turns::weigh(const std::map<std::string, double>& weights) {
  if (weights == weights_) return;
  weights_ = weights;
  for (auto& user : users_) {
    const auto weight = weights_.find(user.name);
    user.weight = weight == weights_.end() ? 1 : weight->second;
  }
  changed_ = true;
}

void Turns::mark_first(int cores) {
  std::vector<Work*> first;
  int taken = 0;
  for (Work* work : due_) {
    if (taken > 0 && taken + work->min > kForDue * cores) break;
    first.push_back(work);
    taken += work->min;
  }
  if (first == first_) return;
  const auto among = [](const std::vector<Work*>& all, Work* one) {
    return std::binary_search(all.begin(), all.end(), one, Submitted());
  };
  for (Work* work : first_) {
    if (among(first, work)) continue;
    work->first = false;
    enter(*work);
  }
  for (Work* work : first) {
    if (work->first) continue;
    leave(*work);
    work->first = true;
  }
  first_ = std::move(first);
  changed_ = true;
}

void Turns::rank() {
  by_rank_.clear();
  for (const auto& [name, number] : numbers_) by_rank_.push_back(number);
  std::sort(by_rank_.begin(), by_rank_.end(),
            [&](int a, int b) { return *user(a).jobs.begin() < *user(b).jobs.begin(); });
}

void Turns::update(int cores) {
  if (!due_.empty() || !first_.empty()) mark_first(cores);
  if (users_changed_) rank();
  users_changed_ = false;
  if (!changed_) return;
  changed_ = false;
  std::size_t end = first_.size();
  ranks_.clear();
  if (end > 0) ranks_.push_back(end);
  for (const auto& [priority, rows] : rows_) {
    for (const auto& [user, row] : rows) end += row.works.size();
    ranks_.push_back(end);
  }
  line_.clear();
  line_.reserve(end);
  heads_.clear();
  next_ = rows_.begin();
  for (Work* work : first_) append(*work);
}

const std::map<int, Row>* Turns::rows(std::size_t rank) const {
  if (!first_.empty() && rank-- == 0) return nullptr;
  return &std::next(rows_.begin(), static_cast<std::ptrdiff_t>(rank))->second;
}

/// Users take turns in proportion to their weights: by start tags of fair queueing, which are what a user's
/// earlier jobs of the priority take at least, over its weight.
bool Turns::after(const Head& a, const Head& b) {
  const Work *one = a.work(), *other = b.work();
  if (one->deadline != other->deadline) return one->deadline > other->deadline;
  if (a.tag != b.tag) return a.tag > b.tag;
  return one->left != other->left ? one->left > other->left : submitted_before(*other, *one);
}

void Turns::append(Work& work) {
  work.place = line_.size();
  line_.push_back(&work);
}

void Turns::extend() {
  if (heads_.empty()) {
    for (const auto& [number, row] : next_->second) heads_.push_back({&row, 0, 0, user(number).weight, 0});
    std::make_heap(heads_.begin(), heads_.end(), after);
    ++next_;
  }
  std::pop_heap(heads_.begin(), heads_.end(), after);
  Head& head = heads_.back();
  Work& work = *head.row->works[head.next];
  append(work);
  head.served += work.min;
  head.tag = head.served / head.weight;
  if (++head.next == head.row->works.size())
    heads_.pop_back();
  else
    std::push_heap(heads_.begin(), heads_.end(), after);
}

}  // namespace troupe::planning

#pragma once
// Who comes before whom, and how much of what is short each user gets. Counts only, no devices.
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// Jobs that are due may have so much of the cores before all others.
constexpr double kForDue = 0.5;

/// A user with jobs. They are numbered as they come, and ranked by the first of their jobs by name.
struct User {
  std::string name;
  double weight = 1;
  std::set<std::string> jobs;
};

/// A user's jobs of one priority, in order.
struct Row {
  std::vector<Work*> works;
  std::map<int, int> least;  // how many of them need so many cores at least
  std::int64_t wanted = 0;   // cores, by all of them
};

/// The order that make_plan() tells. Each user's jobs are kept in order; the line of all is found out only as
/// far as someone looks: where there are cores for a hundred jobs, nobody asks who is the ten thousandth.
class Turns {
 public:
  /// Of its turn, a job's name, user, order, priority, deadline, due, seconds left and least cores
  /// (Work::min) count. Where one of them changes, it is removed before and added after.
  void add(Work& work);
  void remove(Work& work);
  void want(Work& work, int cores);  // Work::wanted is this from now on
  /// Whether of a user's jobs of one priority the shortest comes first; else the first submitted. Before any
  /// job is added.
  void take_shortest_first(bool shortest) { shortest_first_ = shortest; }
  /// Every user's weight; who is not there has 1.
  void weigh(const std::map<std::string, double>& weights);
  /// On a cluster of `cores`. To be called before anyone looks.
  void update(int cores);

  /// Who stands at a place that is below size().
  Work& at(std::size_t place) {
    while (line_.size() <= place) extend();
    return *line_[place];
  }
  std::size_t size() const { return ranks_.empty() ? 0 : ranks_.back(); }
  const std::vector<Work*>& known() const { return line_; }
  /// Behind size() where nobody has looked as far as its place.
  std::size_t place_of(const Work& work) const {
    return work.place < line_.size() && line_[work.place] == &work ? work.place : size();
  }
  /// Behind the last of each rank: those that are first, then each priority.
  const std::vector<std::size_t>& ranks() const { return ranks_; }
  const std::vector<Work*>& first() const { return first_; }
  /// The jobs of a rank by their users' numbers; null: the rank is of those that are first.
  const std::map<int, Row>* rows(std::size_t rank) const;

  const User& user(int number) const { return users_[static_cast<std::size_t>(number)]; }
  /// The numbers of those that have jobs, by rank; numbers are below users().
  const std::vector<int>& by_rank() const { return by_rank_; }
  std::size_t users() const { return users_.size(); }

 private:
  struct Submitted {
    bool operator()(const Work* a, const Work* b) const;
  };
  /// The next of a row.
  struct Head {
    const Row* row = nullptr;
    std::size_t next = 0;
    double served = 0, weight = 1, tag = 0;
    const Work* work() const { return row->works[next]; }
  };
  static bool after(const Head& a, const Head& b);
  int number_of(const std::string& user);
  void enter(Work& work);
  void leave(Work& work);
  void mark_first(int cores);
  void rank();
  void extend();
  void append(Work& work);

  std::vector<User> users_;
  std::vector<int> spare_, by_rank_;  // numbers
  std::unordered_map<std::string, int> numbers_;
  std::map<std::string, double> weights_;
  using Rows = std::map<int, std::map<int, Row>, std::greater<>>;
  Rows rows_;                 // by priority, then user; of those that are not first
  std::vector<Work*> first_;  // in the order of submission
  std::set<Work*, Submitted> due_;
  std::vector<Work*> line_;    // as far as known
  std::vector<Head> heads_;    // a heap: of the rank that line_ ends in
  Rows::const_iterator next_;  // rank to be entered
  std::vector<std::size_t> ranks_;
  bool changed_ = false, users_changed_ = false, shortest_first_ = false;
};

/// How many of `free` each gets who has `base` and wants `more` on top: as even as may be by weight over base
/// and share together (weighted max-min), whole numbers, the rest to the first. They sum to no more than
/// free.
struct Claim {
  int base = 0, more = 0;
  double weight = 1;
};
std::vector<int> fair_shares(const std::vector<Claim>& claims, int free);

}  // namespace troupe::planning

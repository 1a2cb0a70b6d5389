#pragma once
// The root of a node process: serves the head's orders, keeps the copies of jobs, and knows whether the head
// is there.
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <nlohmann/json.hpp>

#include "actors/follower.hpp"

namespace troupe {

/// What an agent tells the process around it; any thread.
struct AgentNews {
  std::function<void()> head_lost;              // it was there, and is not any more
  std::function<void(const std::string&)> say;  // for people
};

struct AgentArgs {
  FollowerArgs followers;  // but `tell`, which is the agent's own
  AgentNews news;
};

class Agent {
 public:
  using Self = caf::stateful_actor<Agent>*;
  const char* name = "agent";

  void start(Self self, AgentArgs args);
  caf::behavior behavior();

 private:
  struct Hosted {
    std::string run;  // whose job it is
    hosted_follower_actor follower;
    caf::actor reporter;                                            // the head's end, of the newest lease
    std::map<int, caf::typed_response_promise<std::string>> asked;  // orders that it has not answered
  };
  caf::result<std::string> order(const std::string& verb, const std::string& text);
  caf::result<std::string> open(const nlohmann::json& order);
  caf::result<std::string> probe(const ProbeLink& order);
  Hosted& hosted(const std::string& job);
  void drop(const std::string& job);
  std::string copies() const;
  template <class Reply, class Order>
  caf::result<std::string> pass_on(const std::string& job, const Order& order);
  void look(int round);
  void answer(const std::string& job, int number, std::string text);
  void follower_down(const caf::down_msg& m);
  void lose_head(const std::string& why);

  Self self_ = nullptr;
  AgentArgs args_;
  std::map<std::string, Hosted> jobs_;
  caf::actor head_;
  double failure_timeout_ = 30, heard_at_ = 0;
  int orders_ = 0;
  int round_ = 0;  // of joining: what is left of an earlier one's looks is not heard
};

/// Asked of an agent by the process around it: JSON, {job: run} of the copies that it keeps.
using copies_word = caf::atom_constant<caf::atom("copies")>;

/// Messages of the process around it: (join_word, gate, failure timeout, run) once the head has let it in.
caf::behavior agent(caf::stateful_actor<Agent>* self, AgentArgs args);

}  // namespace troupe

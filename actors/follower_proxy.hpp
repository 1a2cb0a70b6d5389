#pragma once
// A follower on another node: passes orders on as text, and answers for it when the node is lost.
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <map>

#include "actors/common.hpp"

namespace troupe {
struct FollowerProxyArgs {
  std::string job, node;
  caf::actor agent;  // of the node's process
  steps_sink report_to;
  SharedClock clock;
};
using follower_proxy_actor = follower_actor::extend<caf::reacts_to<tell_word, std::string>>;
struct FollowerProxyState {
  FollowerProxyArgs args;
  int asked = 0;
  std::map<int, std::function<void(const Error&)>> waiting;  // by number of the question
  const char* name = "follower_proxy";
};
follower_proxy_actor::behavior_type follower_proxy(
    follower_proxy_actor::stateful_pointer<FollowerProxyState> self, FollowerProxyArgs args);
}  // namespace troupe

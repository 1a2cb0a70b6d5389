#include "actors/courier.hpp"

#include <cstring>

#include "base/hash.hpp"

namespace troupe {
namespace {

using Self = courier_actor::stateful_pointer<CourierState>;
using Json = nlohmann::json;

constexpr std::size_t kPiece = std::size_t{4} << 20;  // bytes of a message: far below any window

/// What must be alike in two copies before bytes go from one to the other.
Json outline(const MoveState& m, std::vector<std::span<std::byte>>& state) {
  Json sizes = Json::array();
  for (const auto& part : state) sizes.push_back(part.size());
  return {{"step", m.step}, {"sizes", sizes}};
}

std::vector<std::span<std::byte>> state_of(Program& program) {
  std::vector<std::span<std::byte>> all;
  for (const auto& network : program.replicas())
    for (auto part : network->state())
      if (!part.empty()) all.push_back(part);
  return all;
}

class Move {
 public:
  Move(const CourierArgs& args, const MoveState& order, Channel channel)
      : args_(args), order_(order), channel_(std::move(channel)), state_(state_of(*args.program)) {
    if (state_.empty())
      throw ErrorException({.code = ErrorCode::bad_usage,
                            .what = "the networks of this kind of job can't be copied to another node",
                            .hint = "Their class has to give state(); until then bound the job to one node"});
  }

  /// Ends when the other side has it all: the memory may change after that.
  void send() {
    check(channel_.send(outline(order_, state_).dump(), {}, args_.timeout_seconds));
    for (const auto& part : state_)
      for (std::size_t at = 0; at < part.size(); at += kPiece) {
        const auto bytes = part.subspan(at, std::min(kPiece, part.size() - at));
        check(channel_.send("state", {{bytes}, args_.program}, args_.timeout_seconds));
      }
    if (const auto word = receive(); word.header() != "taken")
      throw ErrorException(wrong("its answer", std::string(word.header())));
  }

  void take() {
    const auto first = receive();
    if (const auto theirs = Json::parse(first.header(), nullptr, false); theirs != outline(order_, state_))
      throw ErrorException(wrong("the state's outline", std::string(first.header()).substr(0, 200)));
    for (const auto& part : state_)
      for (std::size_t at = 0; at < part.size(); at += kPiece) {
        const auto bytes = part.subspan(at, std::min(kPiece, part.size() - at));
        if (const auto piece = receive(); piece.header() != "state" || !piece.copy_to(bytes))
          throw ErrorException(wrong("a piece of the state", std::to_string(piece.size()) + " bytes"));
      }
    for (const auto& network : args_.program->replicas()) network->adopt();
    check(channel_.send("taken", {}, args_.timeout_seconds));
    // kept open until the other side has heard, and closes its end
    (void)channel_.receive(args_.timeout_seconds);
  }

 private:
  static void check(const Result<void>& done) {
    if (!done) throw ErrorException(done.error());
  }
  Message receive() {
    auto got = channel_.receive(args_.timeout_seconds);
    if (!got) throw ErrorException(got.error());
    if (!*got)
      throw ErrorException({.code = ErrorCode::peer_missing,
                            .what = "a node stopped while a job's state was under way",
                            .where = order_.peer.name});
    return **got;
  }
  Error wrong(const std::string& what, std::string given) const {
    return {.code = ErrorCode::bad_data,
            .what = what + " is not what this job's copy expects",
            .where = "node " + order_.peer.name,
            .given = std::move(given)};
  }

  const CourierArgs& args_;
  const MoveState& order_;
  Channel channel_;
  std::vector<std::span<std::byte>> state_;
};

void move(const CourierArgs& args, const MoveState& order) {
  if (!args.plane)
    throw ErrorException({.code = ErrorCode::internal, .what = "this process has no data plane"});
  if (auto added = args.plane->ensure_peer(order.peer); !added) throw ErrorException(added.error());
  if (!order.send) {
    const Moment moment = args.program->moment(order.entered);
    for (const auto& network : args.program->replicas()) network->enter(moment);
  }
  auto channel = args.plane->open(order.peer.name, order.channel, Priority::state);
  if (!channel) throw ErrorException(channel.error());
  Move moving(args, order, std::move(*channel));
  order.send ? moving.send() : moving.take();
}

template <class F>
Outcome compute(Self self, F&& f) {
  auto& state = self->state;
  const std::string where = "a copy's state";
  if (state.args.on) return perform_on(self->system(), state.args.on, where, [&f] { f(); });
  return outcome_of(where, [&] {
    if (!state.set_up && state.args.thread_setup) state.args.thread_setup();
    state.set_up = true;
    AccountScope charge(state.args.account);
    f();
  });
}

}  // namespace

courier_actor::behavior_type courier(Self self, CourierArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const EnterPhase& m) {
        return compute(self, [&] {
          for (const auto& network : self->state.args.program->replicas()) network->enter(m.moment);
        });
      },
      [self](const MoveState& m) { return compute(self, [&] { move(self->state.args, m); }); },
  };
}

}  // namespace troupe

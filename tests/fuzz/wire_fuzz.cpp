// No text crashes what reads the words between head, nodes and commands; what is taken reads back as itself.
// The first byte says which decoder the rest is for.

#include "actors/plane_refusals.hpp"
#include "actors/wire.hpp"
#include "tests/fuzz/require.hpp"
#include "transport/reply.hpp"

namespace {

using namespace troupe;
using wire::Json;
using wire::text_of;

template <class Message>
void take(const Json& json) {
  Message message;
  try {
    message = wire::decode<Message>(json);
  } catch (const Json::exception&) {
    return;
  } catch (const ErrorException& e) {
    require(!e.error().what.empty(), "a refusal has a reason");
    return;
  }
  const auto again = text_of(wire::to_json(message));
  require(text_of(wire::to_json(wire::decode<Message>(Json::parse(again)))) == again,
          "a message reads back as itself");
}

void take_reply(const std::string& text) {
  const auto reply = unwrap_reply(text);
  if (reply) {
    PlaneRefusals refusals;
    for (const auto& event : refusals.news("node", PlaneRefusals::read(*reply)))
      require(event.text.starts_with("plane_"), "an event has a reason");
  } else {
    const auto again = error_from_json(error_to_json(reply.error()));
    require(again.code == reply.error().code && again.what == reply.error().what,
            "an error reads back as itself");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] == '0') {
    take_reply(text);
    return 0;
  }
  const auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  switch (bytes[0]) {
    case '1':
      take<wire::Card>(json);
      break;
    case '2':
      take<wire::Welcome>(json);
      break;
    case '3':
      take<OpenFollower>(json);
      break;
    case '4':
      take<FollowerOpened>(json);
      break;
    case '5':
      take<FollowLease>(json);
      break;
    case '6':
      take<LeaseEnd>(json);
      break;
    case '7':
      take<MoveState>(json);
      take<ProbeLink>(json);
      take<Probed>(json);
      break;
    case '8':
      take<StepsDone>(json);
      break;
    case '9':
      take<StopLease>(json);
      take<HoldShare>(json);
      take<ShareTaken>(json);
      take<Outcome>(json);
      break;
    default:
      if (const auto event = event_from_json(json))
        require(text_of(to_json(*event)).size() > 2, "an event is one");
  }
  return 0;
}

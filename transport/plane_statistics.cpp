#include "transport/plane_statistics.hpp"

namespace troupe {

const char* to_string(Refusal reason) noexcept {
  switch (reason) {
    case Refusal::handshake:
      return "handshake";
    case Refusal::wrong_key:
      return "wrong_key";
    case Refusal::wrong_version:
      return "wrong_version";
    case Refusal::wrong_cluster:
      return "wrong_cluster";
    case Refusal::unknown_peer:
      return "unknown_peer";
    case Refusal::old_incarnation:
      return "old_incarnation";
    case Refusal::no_hello:
      return "no_hello";
    case Refusal::malformed:
      return "malformed";
    case Refusal::oversized:
      return "oversized";
    case Refusal::over_credit:
      return "over_credit";
    case Refusal::out_of_order:
      return "out_of_order";
    case Refusal::too_many:
      return "too_many";
    case Refusal::late:
      return "late";
  }
  return "unknown";
}

}  // namespace troupe

#pragma once
// All times that follow from the one knob, cluster.failure_timeout_seconds.

namespace troupe {

/// Seconds. In this order, with room between: who is told last acts last.
struct Times {
  double ping;        // between two signs of life that the head asks a node for; a node looks as often
  double park;        // a node that did not hear the head for so long begins no further step
  double peer;        // a process that is silent for so long on the data plane is given up by its peers
  double node;        // a node that did not answer the head for so long is lost
  double returns;     // a head that was started again goes on without a node's copy that did not come back
  double collective;  // a rank of a process that lives, but does not come to a sum, is given up
};

constexpr Times times_of(double failure_timeout) {
  return {.ping = failure_timeout / 8,
          .park = failure_timeout / 2,
          .peer = 0.7 * failure_timeout,
          .node = failure_timeout,
          .returns = 1.5 * failure_timeout,
          .collective = 2 * failure_timeout};
}

}  // namespace troupe

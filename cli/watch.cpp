#include "cli/watch.hpp"

#include <algorithm>
#include <ostream>

#include "cli/event_text.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

constexpr long kEventsAtOnce = 1000;
constexpr double kFollowSeconds = 0.3;

/// One look at the cluster. Status first: when it says `finished`, jobs and events that follow are the last
/// ones.
struct Look {
  Json status, jobs, events;
};

Result<Look> look(const Request& request, long& after) {
  Look seen;
  const std::pair<Json*, std::pair<const char*, Json>> asks[] = {
      {&seen.status, {"status", Json::object()}},
      {&seen.jobs, {"jobs", Json::object()}},
      {&seen.events, {"events", {{"after", after}, {"limit", kEventsAtOnce}}}}};
  for (const auto& [into, ask] : asks) {
    auto reply = request(ask.first, ask.second, 30);
    if (!reply) return fail(reply.error());
    *into = std::move(*reply);
  }
  after = member<long>(seen.events, "next", after);
  return seen;
}

}  // namespace

WatchEnd watch_cluster(const Request& request, const Services& services, const Terminal& terminal,
                       const WatchOptions& options) {
  ProgressView view(terminal);
  WatchEnd end;
  for (long after = 0;;) {
    auto seen = look(request, after);
    if (!seen) {
      end.why = seen.error().code == ErrorCode::not_connected ? WatchEnd::shut_down : WatchEnd::failed;
      end.error = seen.error();
      break;
    }
    end.jobs = seen->jobs;
    if (options.show) view.draw(seen->jobs, member_or_null(seen->events, "events"), services.unix_time());
    if (member<bool>(seen->status, "stopping", false)) {
      end.why = WatchEnd::shut_down;
      break;
    }
    if (!options.stay && member<bool>(seen->status, "finished", false)) break;
    if (services.interrupts->wait(options.poll_seconds)) {
      end.why = WatchEnd::interrupted;
      break;
    }
  }
  view.finish();
  return end;
}

int follow_job(const Request& request, const Services& services, const Terminal& terminal,
               const std::string& job, bool follow, bool json, long after) {
  int code = kDone;
  for (bool ended = false;;) {
    const auto reply = request("events", {{"after", after}, {"job", job}, {"limit", kEventsAtOnce}}, 30);
    if (!reply) return report(terminal, reply.error());
    const Json events = member_or_null(*reply, "events");
    for (const auto& event : events) {
      terminal.out << (json ? event.dump() : event_text(event)) << "\n";
      // a job that was resumed has ended before: only its last word counts
      ended = ends_job(event) || (ended && event_kind(event) != "job_submitted");
      code = event_kind(event) == "job_failed" ? kFailed : kDone;
    }
    terminal.out.flush();
    after = member<long>(*reply, "next", after);
    if (!events.empty() && events.size() >= static_cast<std::size_t>(kEventsAtOnce)) continue;
    if (!follow) return kDone;
    if (ended) return code;
    if (services.interrupts->wait(kFollowSeconds)) return kInterrupted;
  }
}

}  // namespace troupe

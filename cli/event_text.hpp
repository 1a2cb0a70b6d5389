#pragma once
// Events of the journal as lines for people. Pure.
#include <nlohmann/json.hpp>
#include <string>

namespace troupe {

/// What kind of event it is: "job_started" (EventKind); empty where it tells none.
std::string event_kind(const nlohmann::json& event);
/// "14:03:59  gan    now on 2 cores, 512 MiB (in 0.4 ms)".
std::string event_text(const nlohmann::json& event);
/// Whether it is told beside a progress bar: beginnings, ends, moves and warnings; no step reports, no
/// samples.
bool of_note(const nlohmann::json& event);
/// Whether this event ends its job.
bool ends_job(const nlohmann::json& event);

}  // namespace troupe

#pragma once
// What `troupe doctor` makes of what it found: pure functions of facts.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/doctor_probes.hpp"
#include "gpu/devices.hpp"
#include "transport/keys.hpp"

namespace troupe {

enum class Verdict { ok, warning, problem };
const char* to_string(Verdict verdict) noexcept;

/// One line: what was looked at, what was seen, and what to do about it.
struct Finding {
  Verdict verdict = Verdict::ok;
  std::string
      topic;  // names, ports, clocks, versions, keys, processor, capacity, gpu, data, disk, limits, link
  std::string text;
  std::string hint = {};              // empty where all is well
  nlohmann::json measured = nullptr;  // an object of numbers, where there are any
};
using Findings = std::vector<Finding>;

/// `answers`: whether the cluster itself holds the port; nothing is wrong then.
Finding judge_port(const std::string& key, const std::string& address, int port, const Result<void>& listen,
                   bool held_by_cluster);
Finding judge_name(const std::string& who, const std::string& name,
                   const Result<std::vector<std::string>>& addresses);
/// Seconds: this machine's time when it asked and when it was answered, the head's in between.
Finding judge_clock(double asked, double answered, double heads);
Finding judge_version(const std::string& who, const std::string& theirs, const std::string& ours);
Finding judge_card(const KeyCard& card, double now);
/// `mode` of a private file.
Finding judge_mode(const std::filesystem::path& file, unsigned mode);
Finding judge_processor(const std::string& ours, const std::string& heads);
Finding judge_data(const std::string& job, const std::filesystem::path& path, const PlaceFacts& facts);
Finding judge_runs(const std::filesystem::path& path, const PlaceFacts& facts);
/// Descriptors that a head with so many other nodes may have open.
Finding judge_descriptors(std::int64_t limit, int nodes);
/// Median seconds of a request and its reply; bytes a second of large replies, 0 where it is not known.
Finding judge_link(double round_trip, double bytes_per_second);
/// The way to another node over the data plane, as it was measured.
struct PlaneFacts {
  std::string from, to;             // names
  double round_trip_seconds = 0;    // of a small message
  double there = 0, back = 0;       // bytes a second; 0: not measured
  double control_trip_seconds = 0;  // between the same machines over control connections; 0: not known
  bool encrypted = false;
};
Finding judge_plane(const PlaneFacts& facts);
/// One of the head's own list of nodes.
Finding judge_node(const nlohmann::json& node);

}  // namespace troupe

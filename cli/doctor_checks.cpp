#include "cli/doctor_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cli/text.hpp"

namespace troupe {
namespace {

constexpr double kClockApart = 1, kClockFarApart = 60;       // seconds
constexpr double kKeySoonDays = 30, kDay = 86400;            // as `troupe keys show` has it
constexpr Bytes kLittleRoom = mib(256), kSomeRoom = gib(5);  // of a runs folder
constexpr int kDescriptorsANode = 8, kDescriptorsAtAll = 256;
constexpr double kSlowTrip = 0.05;  // seconds: a step of a small phase takes as long
constexpr double kSlowLink =
    10e6 / 8;  // bytes a second; the control connection itself is no faster than 30 MB/s
constexpr unsigned kOthersBits = 077;
constexpr double kSlowPlane = 0.05e9;  // bytes a second: half of what 1 Gbit/s carries
constexpr double kUneven = 3;          // one direction over the other
constexpr double kEvenEnough = 1e9;    // bytes a second: above it, what differs is how busy cores are
constexpr double kSlowerAnswer = 5, kAnswerSlack = 0.002;  // over the control connection's; seconds
constexpr double kEncryptionTells = 0.5e9;  // bytes a second, from which on CURVE (about 1 GB/s) bounds it
constexpr double kLinks[] = {0.01e9, 0.1e9, 1e9, 2.5e9, 5e9, 10e9, 25e9, 40e9, 100e9};  // bits a second

std::string gigabytes(double bytes_per_second) { return fmt::format("{:.3g} GB/s", bytes_per_second / 1e9); }

/// What a link is called that carries so much.
std::string like_link(double bytes_per_second) {
  for (const double bits : kLinks)
    if (8 * bytes_per_second <= bits)
      return bits < 1e9 ? fmt::format("about a {:g} Mbit/s link", bits / 1e6)
                        : fmt::format("about a {:g} Gbit/s link", bits / 1e9);
  return "faster than 100 Gbit/s";
}

nlohmann::json numbers_of(const PlaneFacts& facts) {
  const auto rate = [](double r) { return r > 0 ? nlohmann::json(r) : nlohmann::json(nullptr); };
  return {{"from", facts.from},
          {"to", facts.to},
          {"round_trip_seconds", facts.round_trip_seconds},
          {"there_bytes_per_second", rate(facts.there)},
          {"back_bytes_per_second", rate(facts.back)}};
}

/// What is to be done about a way that is not as it should be; empty: it is.
std::string remedy(const PlaneFacts& facts) {
  const double slow = std::min(facts.there, facts.back), fast = std::max(facts.there, facts.back);
  const bool slow_back = facts.back < facts.there;
  if (slow > 0 && slow < kEvenEnough && fast > kUneven * slow)
    return fmt::format(
        "From {} to {} it is slow: `ethtool` on both (speed, duplex, errors), then what shapes or "
        "fills that direction",
        slow_back ? facts.to : facts.from, slow_back ? facts.from : facts.to);
  if (slow > 0 && slow < kSlowPlane)
    return "Every step sends its sums: use a network of 1 Gbit/s or more (node.address), or look again when "
           "no "
           "job uses it";
  if (facts.round_trip_seconds > kSlowTrip)
    return "Every step waits for its sums: use machines of one network, or look again when no job uses it";
  if (facts.control_trip_seconds > 0 &&
      facts.round_trip_seconds > kSlowerAnswer * facts.control_trip_seconds + kAnswerSlack)
    return fmt::format(
        "The control connections answer in {}: node.address lies in a slower network than "
        "cluster.listen, or a job fills the way",
        format_duration(facts.control_trip_seconds));
  return "";
}

}  // namespace

const char* to_string(Verdict verdict) noexcept {
  return verdict == Verdict::ok ? "ok" : verdict == Verdict::warning ? "warning" : "problem";
}

Finding judge_port(const std::string& key, const std::string& address, int port, const Result<void>& listen,
                   bool held_by_cluster) {
  const std::string place =
      port > 0 ? fmt::format("{} ({}, port {})", key, address, port) : fmt::format("{} ({})", key, address);
  if (held_by_cluster) return {Verdict::ok, "ports", place + " is held by the cluster itself"};
  if (listen)
    return {Verdict::ok, "ports", place + (port > 0 ? " is free" : " is an address of this machine")};
  return {Verdict::problem, "ports", fmt::format("{} can't be listened on: {}", place, listen.error().what),
          port > 0
              ? fmt::format("`ss -ltnp sport = :{}` names who holds it; else give {} another number, or an "
                            "address of this machine",
                            port, key)
              : "Give the node an address of this machine (`ip address` lists them)"};
}

Finding judge_name(const std::string& who, const std::string& name,
                   const Result<std::vector<std::string>>& addresses) {
  if (addresses && !addresses->empty()) {
    const bool same = addresses->front() == name;
    return {Verdict::ok, "names",
            same ? fmt::format("{}: {}", who, name)
                 : fmt::format("{}: {} is {}", who, name, fmt::join(*addresses, ", "))};
  }
  return {Verdict::problem, "names",
          fmt::format("{}: no address of {} is known{}", who, name,
                      addresses ? "" : " (" + addresses.error().what + ")"),
          "Write the address itself, or put the name into DNS or /etc/hosts of every machine"};
}

Finding judge_clock(double asked, double answered, double heads) {
  const double offset = heads - (asked + answered) / 2, give = (answered - asked) / 2;
  const std::string text =
      fmt::format("this clock is {} {} the head's (to {})", format_duration(std::abs(offset)),
                  offset < 0 ? "ahead of" : "behind", format_duration(give));
  const double sure = std::abs(offset) - give;
  const char* hint = "Let NTP set both clocks (`timedatectl set-ntp true`): keys are valid by the clock";
  if (sure > kClockFarApart) return {Verdict::problem, "clocks", text, hint};
  if (sure > kClockApart) return {Verdict::warning, "clocks", text, hint};
  return {Verdict::ok, "clocks", text};
}

Finding judge_version(const std::string& who, const std::string& theirs, const std::string& ours) {
  if (theirs == ours) return {Verdict::ok, "versions", fmt::format("{}: {}, as here", who, ours)};
  return {Verdict::problem, "versions", fmt::format("{}: {}, and {} here", who, theirs, ours),
          "Install one version on every machine (docs/operations.md, \"Upgrade\")"};
}

Finding judge_card(const KeyCard& card, double now) {
  if (card.trouble)
    return {Verdict::problem, "keys", fmt::format("{}: {}", card.name, card.trouble->what),
            card.trouble->hint.empty()
                ? fmt::format("`troupe keys add DIR {} --renew` makes new ones", card.name)
                : card.trouble->hint};
  const double days = (card.not_after - now) / kDay;
  if (days < kKeySoonDays)
    return {
        Verdict::warning, "keys",
        fmt::format("{}: ends in {}", card.name, counted(static_cast<long>(days), "day")),
        fmt::format("`troupe keys add DIR {} --renew`, then copy the new files to its machine", card.name)};
  return {Verdict::ok, "keys",
          fmt::format("{}: {}, valid until {}", card.name, to_string(card.role), utc_text(card.not_after))};
}

Finding judge_mode(const std::filesystem::path& file, unsigned mode) {
  if ((mode & kOthersBits) == 0)
    return {Verdict::ok, "keys", fmt::format("{}: mode {:04o}", file.filename().string(), mode)};
  return {
      Verdict::problem, "keys",
      fmt::format("{}: mode {:04o}, so that others may read or write it", file.filename().string(), mode),
      fmt::format("chmod 600 '{}'; if others could read it on this machine, make new keys", file.string())};
}

Finding judge_processor(const std::string& ours, const std::string& heads) {
  if (heads.empty()) return {Verdict::ok, "processor", ours + "; the head's is not known"};
  if (ours == heads) return {Verdict::ok, "processor", ours + ", as the head's"};
  return {Verdict::problem, "processor",
          fmt::format("{} here, {} on the head: they would compute other bits", ours, heads),
          "Bound both to what they share: ONEDNN_MAX_CPU_ISA and ATEN_CPU_CAPABILITY"};
}

Finding judge_data(const std::string& job, const std::filesystem::path& path, const PlaceFacts& facts) {
  const std::string what = fmt::format("job {}: {}", job, path.string());
  if (!facts.there)
    return {Verdict::problem, "data", what + " is not there",
            "The data of a job lies under the same path on every machine that computes for it"};
  if (!facts.readable)
    return {Verdict::problem, "data", what + " can't be read by this user", "chmod or chown it"};
  return {Verdict::ok, "data", what + " can be read"};
}

Finding judge_runs(const std::filesystem::path& path, const PlaceFacts& facts) {
  const std::string what = fmt::format("runs folder {}", path.string());
  if (!facts.folder || !facts.writable)
    return {Verdict::problem, "disk",
            fmt::format("{}: {} {}", what, facts.nearest.string(),
                        facts.folder ? "can't be written to by this user" : "is no folder"),
            "chown it, or give cluster.runs another folder"};
  const std::string text = fmt::format("{}: {} free", what, to_string(facts.free));
  const char* hint = "Checkpoints and pictures go there: make room, or give cluster.runs another disk";
  if (facts.free < kLittleRoom) return {Verdict::problem, "disk", text, hint};
  if (facts.free < kSomeRoom) return {Verdict::warning, "disk", text, hint};
  return {Verdict::ok, "disk", text};
}

Finding judge_descriptors(std::int64_t limit, int nodes) {
  const std::int64_t need = kDescriptorsAtAll + std::int64_t{kDescriptorsANode} * nodes;
  const std::string text =
      fmt::format("{} open files allowed, {} needed for {}", limit, need, counted(nodes, "other node"));
  if (limit >= need) return {Verdict::ok, "limits", text};
  return {Verdict::problem, "limits", text,
          "Raise it: LimitNOFILE in the service unit, or `ulimit -Hn` and /etc/security/limits.conf"};
}

Finding judge_link(double round_trip, double bytes_per_second) {
  std::string text =
      fmt::format("to the head over the control connection: {} there and back", format_duration(round_trip));
  if (bytes_per_second > 0)
    text += fmt::format(", at least {}/s (tensors take the data plane, which is faster)",
                        to_string(Bytes{static_cast<std::int64_t>(bytes_per_second)}));
  if (round_trip > kSlowTrip)
    return {Verdict::warning, "link", text, "Every step waits for its sums: use machines of one network"};
  if (bytes_per_second > 0 && bytes_per_second < kSlowLink)
    return {Verdict::warning, "link", text,
            "Every step sends its sums: measure the network (iperf3), use one of 1 Gbit/s or more"};
  return {Verdict::ok, "link", text};
}

Finding judge_plane(const PlaneFacts& facts) {
  std::string text =
      fmt::format("data plane to {}: {} there and back", facts.to, format_duration(facts.round_trip_seconds));
  const double slow = std::min(facts.there, facts.back);
  if (slow > 0)
    text += fmt::format(
        ", {} there, {} back: {}{}", gigabytes(facts.there), gigabytes(facts.back), like_link(slow),
        facts.encrypted && slow > kEncryptionTells ? " or a faster one (encryption ends at about 1 GB/s)"
                                                   : "");
  const auto hint = remedy(facts);
  return {hint.empty() ? Verdict::ok : Verdict::warning, "link", text, hint, numbers_of(facts)};
}

Finding judge_node(const nlohmann::json& node) {
  const auto name = member<std::string>(node, "name", "?"), state = member<std::string>(node, "state", "?");
  std::string text = fmt::format("node {}: {}", name, state);
  const double trip = member<double>(node, "round_trip_seconds", -1);
  if (trip >= 0) text += fmt::format(", answers the head in {}", format_duration(trip));
  if (state == "lost")
    return {Verdict::warning, "nodes", text + ": " + member<std::string>(node, "why", ""),
            fmt::format("`troupe doctor FILE --node {0}` on its machine, or `troupe node remove {0}`", name)};
  if (trip > kSlowTrip) return {Verdict::warning, "nodes", text, "Its machine or the network is overloaded"};
  return {Verdict::ok, "nodes", text};
}

}  // namespace troupe

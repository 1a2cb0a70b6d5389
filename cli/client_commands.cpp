#include "cli/client_commands.hpp"

#include <ostream>

#include "base/files.hpp"
#include "base/units.hpp"
#include "cli/capacity.hpp"
#include "cli/event_text.hpp"
#include "cli/run_folder.hpp"
#include "cli/tables.hpp"
#include "cli/text.hpp"
#include "cli/watch.hpp"

namespace troupe {
namespace {

/// Until every running job has written its checkpoint.
constexpr double kStopSeconds = 600;
constexpr double kAskSeconds = 30;
constexpr std::int64_t kLargestJobFile = 1 << 20;

Error no_job_there(Error error, const Request& request) {
  if (error.code != ErrorCode::not_found || !error.allowed.empty()) return error;
  const auto jobs = request("jobs", Json::object(), kAskSeconds);
  if (!jobs) return error;
  for (const auto& job : *jobs)
    error.allowed += (error.allowed.empty() ? "" : ", ") + member<std::string>(job, "name", "");
  return error;
}

}  // namespace

int run_submit(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const auto job = load_job(options.file);
  if (!job) return report(terminal, job.error());
  if (const auto unknown = unknown_kind(*job, options.file, services.kinds))
    return report(terminal, *unknown);
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  // Sent resolved, with absolute paths: the cluster may run in another folder.
  const std::string path = std::filesystem::absolute(options.file).string();
  const auto reply = (*request)(
      "submit", {{"toml", to_toml(*job)}, {"file", path}, {"user", services.account}}, kAskSeconds);
  if (!reply) return report(terminal, reply.error());
  const std::string name = member<std::string>(*reply, "job", job->name);
  if (options.follow) return follow_job(*request, services, terminal, name, true, options.json);
  if (options.json) {
    terminal.out << reply->dump(2) << "\n";
  } else {
    terminal.out << "submitted " << name << "; follow it with `troupe logs -f " << name << "`\n";
  }
  return kDone;
}

int run_jobs(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto jobs = (*request)("jobs", Json::object(), kAskSeconds);
  if (!jobs) return report(terminal, jobs.error());
  terminal.out << (options.json ? jobs->dump(2) + "\n" : jobs_table(*jobs));
  return kDone;
}

namespace {

/// A request about a node, and what to say when it is done.
int about_node(const ClientOptions& options, const Services& services, const Terminal& terminal,
               const std::string& verb, const Json& arguments, const std::string& done) {
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto reply = (*request)(verb, arguments, kStopSeconds);
  if (!reply) return report(terminal, reply.error());
  terminal.out << (options.json ? reply->dump(2) : done) << "\n";
  return kDone;
}

}  // namespace

int run_drain(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  return about_node(options, services, terminal, "drain", {{"node", options.node}, {"undo", options.undo}},
                    options.undo ? options.node + " gets work again"
                                 : options.node + " is drained: no job uses it any more");
}

int run_remove_node(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  return about_node(options, services, terminal, "remove_node", {{"node", options.node}},
                    options.node + " is off the list");
}

int run_nodes(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto nodes = (*request)("nodes", Json::object(), kAskSeconds);
  if (!nodes) return report(terminal, nodes.error());
  terminal.out << (options.json ? nodes->dump(2) + "\n" : nodes_table(*nodes));
  return kDone;
}

int run_show(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto job = (*request)("show", {{"job", options.job}}, kAskSeconds);
  if (!job) return report(terminal, no_job_there(job.error(), *request));
  terminal.out << (options.json ? job->dump(2) + "\n" : job_page(*job));
  return kDone;
}

namespace {

/// The journal of a run whose cluster is gone.
int print_journal(const ClientOptions& options, const Terminal& terminal) {
  const auto text = read_file(options.target.run / "journal.jsonl");
  if (!text) return report(terminal, text.error());
  bool any = false;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    const Json event = Json::parse(line, nullptr, false);
    if (!event.is_object() || member<std::string>(event, "job", "") != options.job) continue;
    terminal.out << (options.json ? line : event_text(event)) << "\n";
    any = true;
  }
  if (any) return kDone;
  return report(terminal, Error{ErrorCode::not_found, "the journal tells of no such job",
                                (options.target.run / "journal.jsonl").string(), options.job, "", ""});
}

}  // namespace

int run_logs(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const bool gone = !options.target.run.empty() && !options.target.port && options.target.at.empty() &&
                    read_control(options.target.run).is_null();
  if (gone) return print_journal(options, terminal);
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto job = (*request)("show", {{"job", options.job}}, kAskSeconds);
  if (!job) return report(terminal, no_job_there(job.error(), *request));
  return follow_job(*request, services, terminal, options.job, options.follow, options.json);
}

int run_stop(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  if (options.all == !options.job.empty()) {
    return report(
        terminal,
        Error{ErrorCode::bad_usage, "stop what?", "troupe stop", options.all ? "a job and --all" : "neither",
              "the name of a job, or --all for the whole cluster", "See them with `troupe jobs`"});
  }
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const Json arguments = options.all ? Json::object() : Json{{"job", options.job}};
  const auto reply = (*request)(options.all ? "shutdown" : "stop", arguments, kStopSeconds);
  if (!reply) return report(terminal, no_job_there(reply.error(), *request));
  const std::string failures = options.all ? failure_lines(member_or_null(*reply, "failed")) : "";
  terminal.err << failures;
  if (options.json) {
    terminal.out << reply->dump(2) << "\n";
  } else if (options.all) {
    terminal.out << (failures.empty() ? "the cluster is stopped; checkpoints and pictures are written\n"
                                      : "the cluster is stopped\n");
  } else {
    terminal.out << options.job << " is stopped at step " << member<long>(*reply, "step", 0)
                 << "; its checkpoint is written\n";
  }
  return failures.empty() ? kDone : kFailed;
}

int run_resize(const ClientOptions& options, const Services& services, const Terminal& terminal) {
  const bool sized = options.cores || !options.memory.empty();
  if (sized == options.automatic) {
    return report(
        terminal,
        Error{ErrorCode::bad_usage, "to what size?", "troupe resize", sized ? "sizes and --auto" : "no size",
              "--cores N, --memory SIZE, or --auto alone", "`troupe resize gan --cores 1`"});
  }
  Json arguments = {{"job", options.job}};
  if (options.automatic) arguments.update({{"cores", nullptr}, {"memory", nullptr}});
  if (options.cores) arguments["cores"] = *options.cores;
  if (!options.memory.empty()) {
    const auto bytes = parse_bytes(options.memory);
    if (!bytes) {
      Error error = bytes.error();
      error.code = ErrorCode::bad_usage;
      error.where = "--memory";
      return report(terminal, error);
    }
    arguments["memory"] = bytes->count;
  }
  const auto request = connect(options.target, services);
  if (!request) return report(terminal, request.error());
  const auto reply = (*request)("resize", arguments, kAskSeconds);
  if (!reply) return report(terminal, no_job_there(reply.error(), *request));
  if (options.json) {
    terminal.out << reply->dump(2) << "\n";
  } else {
    const std::string reason = member<std::string>(*reply, "reason", "");
    terminal.out << options.job << ": " << (reason.empty() ? "done" : reason) << "\n";
  }
  return kDone;
}

}  // namespace troupe

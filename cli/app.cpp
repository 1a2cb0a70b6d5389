#include "cli/app.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>

#include "base/config_rule.hpp"
#include "cli/client_commands.hpp"
#include "cli/doctor.hpp"
#include "cli/generate.hpp"
#include "cli/key_commands.hpp"
#include "cli/local_commands.hpp"
#include "cli/node.hpp"
#include "cli/predict_flags.hpp"
#include "cli/simulate.hpp"
#include "cli/up.hpp"

namespace troupe {
namespace {

constexpr const char* kAbout =
    "troupe: trains deep networks on shares of machines.\n"
    "\n"
    "EXAMPLE\n"
    "  troupe up cluster.toml          start a cluster here and train its jobs\n"
    "  troupe jobs                     from another terminal: what runs, what waits, why\n"
    "  troupe resume runs/NAME         go on with a run that was stopped or died\n"
    "  troupe generate runs/NAME       images by every generator of a run\n";

/// What the command line fills in, and what it came to ask for.
struct Parsed {
  UpOptions up;
  NodeOptions node;
  ClientOptions client;
  GenerateOptions generate;
  ConfigOptions config;
  DoctorOptions doctor;
  KeyOptions keys;
  SimulateOptions simulate;
  PredictFlags predict;
  std::string file;
  bool json = false;
  std::function<int()> run;
};

class CommandLine {
 public:
  CommandLine(const Services& services, const Terminal& terminal) : services_(services), terminal_(terminal) {
    app_.require_subcommand(1);
    app_.get_formatter()->column_width(34);
    app_.failure_message([](const CLI::App*, const CLI::Error& e) { return std::string(e.what()); });
    add_up();
    add_resume();
    add_local();
    add_predict();
    add_simulate();
    add_doctor();
    add_asking();
    add_changing();
    add_generate();
    add_keys();
  }

  int run(const std::vector<std::string>& arguments);

 private:
  CLI::App* command(const std::string& name, const std::string& about, const std::string& example,
                    std::function<int()> run) {
    return command(app_, name, about, example, std::move(run));
  }
  CLI::App* command(CLI::App& above, const std::string& name, const std::string& about,
                    const std::string& example, std::function<int()> run) {
    CLI::App* sub = above.add_subcommand(name, about);
    sub->footer("\nEXAMPLE\n  " + example + "\n");
    sub->callback([this, run = std::move(run)] { parsed_.run = run; });
    return sub;
  }
  void add_ports(CLI::App* sub) {
    sub->add_option("--port", parsed_.up.port, "control port, instead of cluster.port (0: any free one)")
        ->check(CLI::Range(0, 65535));
    sub->add_option("--metrics-port", parsed_.up.metrics_port,
                    "port of the metrics, instead of cluster.metrics_port (0: any free one; -1: none)")
        ->check(CLI::Range(-1, 65535));
  }
  void add_target(CLI::App* sub) {
    Target& target = parsed_.client.target;
    auto* port = sub->add_option("--port", target.port, "port of the cluster (else --run, TROUPE_PORT, 4470)")
                     ->check(CLI::Range(1, 65535));
    sub->add_option("--at", target.at, "HOST:PORT of a cluster on another machine; wants keys")
        ->excludes(port);
    sub->add_option("--run", target.run, "run folder of the cluster, which names its port and keys");
    sub->add_option("--keys", target.keys, "folder of your keys (else those of --run, TROUPE_KEYS)");
    sub->add_flag("--json", parsed_.client.json, "print JSON");
  }
  void add_job(CLI::App* sub) { sub->add_option("JOB", parsed_.client.job, "name of the job")->required(); }
  void add_running(CLI::App* sub);
  void add_up();
  void add_resume();
  void add_local();
  void add_predict();
  void add_simulate();
  void add_doctor();
  void add_asking();
  void add_changing();
  void add_generate();
  void add_keys();
  int wrong(const std::string& what, const std::string& given, const std::string& hint) {
    return report(terminal_, Error{ErrorCode::bad_usage, what, "troupe", given, "", hint});
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const CLI::App* sub : app_.get_subcommands([](const CLI::App*) { return true; })) {
      all.push_back(sub->get_name());
    }
    return all;
  }

  const Services& services_;
  const Terminal& terminal_;
  CLI::App app_{kAbout, "troupe"};
  Parsed parsed_;
};

void CommandLine::add_running(CLI::App* sub) {
  sub->add_flag("--detach", parsed_.up.detach, "in a process of its own; returns when it answers");
  sub->add_flag("--stay", parsed_.up.stay, "stay up when no job is left");
  sub->add_flag("!--no-progress", parsed_.up.progress, "do not tell of the progress");
  sub->add_flag("--json", parsed_.up.json, "print JSON (of --dry-run and --detach)");
  add_ports(sub);
}

void CommandLine::add_up() {
  CLI::App* up = command("up", "Start a cluster here and run its jobs; Ctrl-C stops it with checkpoints",
                         "troupe up cluster.toml\n  troupe up cluster.toml --detach --port 4480\n  troupe up "
                         "cluster.toml --node b --at 10.0.0.1:4470",
                         [this] {
                           if (parsed_.node.name.empty()) return run_up(parsed_.up, services_, terminal_);
                           parsed_.node.file = parsed_.up.file;
                           return run_node(parsed_.node, services_, terminal_);
                         });
  up->add_option("FILE", parsed_.up.file, "the configuration")->required();
  up->add_option("--run", parsed_.up.run, "run folder (else one under cluster.runs, named after the moment)");
  up->add_flag("--dry-run", parsed_.up.dry_run, "print who would get what, start nothing");
  up->add_option("--node", parsed_.node.name,
                 "be this node of a cluster whose head runs elsewhere; a name that the file does not have "
                 "joins with what this machine has");
  up->add_option("--at", parsed_.node.at, "HOST:PORT of that head (else cluster.listen and cluster.port)");
  up->add_option("--address", parsed_.node.address,
                 "address at which the other nodes reach this one (else node.address)");
  add_running(up);
}

void CommandLine::add_resume() {
  CLI::App* resume = command("resume", "Go on with a run that was stopped or died, to the same bits",
                             "troupe resume runs/20260131-142233-mri", [this] {
                               parsed_.up.resume = true;
                               return run_up(parsed_.up, services_, terminal_);
                             });
  resume->add_option("RUN", parsed_.up.run, "the run folder")->required();
  add_running(resume);
}

void CommandLine::add_local() {
  CLI::App* check = command("check", "Say all that is wrong with a configuration or a job file",
                            "troupe check cluster.toml",
                            [this] { return run_check(parsed_.file, parsed_.json, terminal_); });
  check->add_option("FILE", parsed_.file, "a configuration or a job file")->required();
  check->add_flag("--json", parsed_.json, "print JSON");
  CLI::App* config = command("config", "Explain the keys of a configuration",
                             "troupe config --explain\n  troupe config --explain job.gan.fade", [this] {
                               parsed_.config.json = parsed_.json;
                               return run_config(parsed_.config, terminal_);
                             });
  config->add_flag("--explain", parsed_.config.explain, "what each key does, its default and range");
  config->add_option("KEY", parsed_.config.key, "only keys whose path holds this");
  config->add_flag("--markdown", parsed_.config.markdown, "print docs/config.md");
  config->add_flag("--json", parsed_.json, "print JSON");
  CLI::App* version =
      command("version", "Versions of troupe and of the libraries under it", "troupe version --json",
              [this] { return run_version(parsed_.json, services_, terminal_); });
  version->add_flag("--json", parsed_.json, "print JSON");
}

void CommandLine::add_predict() {
  CLI::App* predict = command(
      "predict", "What a job, or a step of a TorchScript file, will take before it is run",
      "troupe predict examples/small-gan.toml\n  troupe predict cluster.toml --job gan --cores 8 --out told\n"
      "  troupe predict unet.pt --input 8x1x256x256\n"
      "\nEXIT CODES\n  0  told; 1  the data or the machine failed; 2  the file or the command is wrong",
      [this] { return parsed_.predict.run(parsed_.json, services_, terminal_); });
  parsed_.predict.add_to(*predict);
  predict->add_flag("--json", parsed_.json, "print JSON");
}

void CommandLine::add_simulate() {
  SimulateOptions& options = parsed_.simulate;
  CLI::App* simulate =
      command("simulate", "Run a trace of a real cluster under a policy, on a virtual clock",
              "troupe simulate openb_pod_list_default.csv --nodes openb_node_list_gpu_node.csv --policy all\n"
              "  troupe simulate philly.csv --nodes nodes.csv --policy fifo --policy ours --out tables",
              [this] {
                parsed_.simulate.json = parsed_.json;
                return run_simulate(parsed_.simulate, terminal_);
              });
  simulate->add_option("TRACE", options.trace, "tasks (Alibaba 2023) or jobs (Philly), see docs/simulate.md")
      ->required();
  simulate->add_option("--nodes", options.nodes, "the machines: sn, cpu_milli, memory_mib, gpu, model")
      ->required();
  simulate->add_option("--policy", options.policies, "again for more; all: every one (ours)")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1);
  simulate->add_option("--seed", options.seed, "of arrivals, and of what a trace does not tell (1)");
  simulate
      ->add_option("--load", options.load, "tasks: percent of the GPUs that is asked for until the end (130)")
      ->check(CLI::Range(1.0, 1000.0));
  simulate->add_option("--first", options.first, "jobs: only so many of the trace, the earliest (0: all)")
      ->check(CLI::NonNegativeNumber);
  simulate->add_option("--moves", options.moves, "tasks: placed ones that may move for one arrival (0)")
      ->check(CLI::Range(0, 16));
  simulate->add_option("--out", options.out, "folder for a table a policy, as CSV, and for pictures of jobs");
  simulate->add_flag("--json", parsed_.json, "print JSON");
}

void CommandLine::add_doctor() {
  DoctorOptions& options = parsed_.doctor;
  CLI::App* doctor =
      command("doctor", "Check what a cluster needs of this machine, and say what to do",
              "troupe doctor cluster.toml\n  troupe doctor cluster.toml --node b --at 10.0.0.1:4470",
              [this] { return run_doctor(parsed_.doctor, services_, terminal_); });
  doctor->add_option("FILE", options.file, "the configuration (else cluster.toml)");
  doctor->add_option("--node", options.node, "which node this machine is (else the head)");
  doctor->add_option("--at", options.at, "HOST:PORT of the head (else cluster.listen and cluster.port)");
  doctor->add_option("--keys", options.keys, "folder of this machine's keys (else cluster.keys)");
  doctor->add_flag("!--no-bandwidth", options.bandwidth,
                   "send no bytes to other nodes: measure round trips alone");
  doctor->add_flag("--json", options.json, "print JSON");
}

void CommandLine::add_asking() {
  CLI::App* jobs = command("jobs", "What runs, what waits, why", "troupe jobs --json",
                           [this] { return run_jobs(parsed_.client, services_, terminal_); });
  add_target(jobs);
  CLI::App* nodes = command("nodes", "Which machines are there, and which are lost", "troupe nodes --json",
                            [this] { return run_nodes(parsed_.client, services_, terminal_); });
  add_target(nodes);
  CLI::App* drain = command("drain", "Let a node's jobs go elsewhere, and give it no more",
                            "troupe drain b\n  troupe drain b --undo",
                            [this] { return run_drain(parsed_.client, services_, terminal_); });
  drain->add_option("NODE", parsed_.client.node, "name of the node")->required();
  drain->add_flag("--undo", parsed_.client.undo, "give it work again");
  add_target(drain);
  CLI::App* node = app_.add_subcommand("node", "One machine of the cluster");
  node->require_subcommand(1);
  node->footer("\nEXAMPLE\n  troupe node remove b\n");
  CLI::App* remove =
      command(*node, "remove", "Take a node off the list that is lost or drained", "troupe node remove b",
              [this] { return run_remove_node(parsed_.client, services_, terminal_); });
  remove->add_option("NODE", parsed_.client.node, "name of the node")->required();
  add_target(remove);
  CLI::App* show = command("show", "All about one job", "troupe show gan",
                           [this] { return run_show(parsed_.client, services_, terminal_); });
  add_job(show);
  add_target(show);
  CLI::App* logs = command("logs", "What happened to a job", "troupe logs -f gan",
                           [this] { return run_logs(parsed_.client, services_, terminal_); });
  add_job(logs);
  logs->add_flag("-f,--follow", parsed_.client.follow, "go on until the job ends");
  add_target(logs);
}

void CommandLine::add_changing() {
  CLI::App* submit =
      command("submit", "Hand a job to a running cluster", "troupe submit examples/small-gan.toml --follow",
              [this] { return run_submit(parsed_.client, services_, terminal_); });
  submit->add_option("FILE", parsed_.client.file, "the job's file")->required();
  submit->add_flag("-f,--follow", parsed_.client.follow, "tell what happens to it until it ends");
  add_target(submit);
  CLI::App* stop = command("stop", "Stop a job with a checkpoint, or the whole cluster",
                           "troupe stop scout\n  troupe stop --all",
                           [this] { return run_stop(parsed_.client, services_, terminal_); });
  stop->add_option("JOB", parsed_.client.job, "name of the job");
  stop->add_flag("--all", parsed_.client.all, "every job, and the cluster");
  add_target(stop);
  CLI::App* resize = command(
      "resize", "Give a job another size, from its next step on; what is not given is left to the supervisor",
      "troupe resize gan --cores 1 --memory \"512 MiB\"\n  troupe resize gan --auto",
      [this] { return run_resize(parsed_.client, services_, terminal_); });
  add_job(resize);
  resize->add_option("--cores", parsed_.client.cores, "cores")->check(CLI::Range(1, 65536));
  resize->add_option("--memory", parsed_.client.memory, "memory, such as \"512 MiB\"");
  resize->add_flag("--auto", parsed_.client.automatic, "back to what the supervisor thinks best");
  add_target(resize);
}

void CommandLine::add_generate() {
  CLI::App* generate = command("generate", "Make images by every generator of a run",
                               "troupe generate runs/20260131-142233-mri --count 256", [this] {
                                 parsed_.generate.json = parsed_.json;
                                 return run_generate(parsed_.generate, services_, terminal_);
                               });
  generate->add_option("RUN", parsed_.generate.run, "the run folder")->required();
  generate->add_option("--count", parsed_.generate.count, "images a generator")
      ->check(CLI::Range(1, 1000000));
  generate->add_option("--job", parsed_.generate.job, "which job (else that of highest priority)");
  generate->add_option("--out", parsed_.generate.out, "folder for them (else RUN/JOB/generated-SEED)");
  generate->add_option("--seed", parsed_.generate.seed, "other images")->check(CLI::Range(0, 2147483647));
  generate->add_flag("--json", parsed_.json, "print JSON");
}

void CommandLine::add_keys() {
  CLI::App* keys = app_.add_subcommand("keys", "The keys of a cluster: who may come in");
  keys->require_subcommand(1);
  keys->footer(
      "\nEXAMPLE\n  troupe keys init keys\n  troupe keys add keys alice --role client\n  troupe keys show "
      "keys\n");
  KeyOptions& options = parsed_.keys;
  const auto days = [&](CLI::App* sub) {
    sub->add_option("--days", options.days, fmt::format("how long they are valid (else {})", kKeyDays))
        ->check(CLI::Range(1, kMostKeyDays));
    sub->add_flag("--json", options.json, "print JSON");
  };
  CLI::App* init =
      command(*keys, "init", "Make a cluster's authority, and keys for its head and the commands beside it",
              "troupe keys init keys\n  troupe keys init keys --days 90",
              [this] { return run_keys_init(parsed_.keys, services_, terminal_); });
  init->add_option("DIR", options.folder, "an empty or new folder for them")->required();
  init->add_flag("--force", options.force,
                 "where there are keys already: keep them aside, make a new cluster's");
  days(init);
  CLI::App* add = command(
      *keys, "add", "Make keys for one more node or user",
      "troupe keys add keys worker-1\n  troupe keys add keys alice --role client\n  troupe keys add keys "
      "alice --renew",
      [this] { return run_keys_add(parsed_.keys, services_, terminal_); });
  add->add_option("DIR", options.folder, "the folder of keys")->required();
  add->add_option("NAME", options.name, "name of the node or user")->required();
  add->add_option("--role", options.role, "node: may serve and ask; client: may ask (else node)")
      ->check(CLI::IsMember({"node", "client"}));
  add->add_flag("--renew", options.renew, "the name has keys: keep them aside, make new ones");
  days(add);
  CLI::App* show =
      command(*keys, "show", "Names, roles, fingerprints, and until when they are valid",
              "troupe keys show keys", [this] { return run_keys_show(parsed_.keys, services_, terminal_); });
  show->add_option("DIR", options.folder, "the folder of keys")->required();
  show->add_flag("--json", options.json, "print JSON");
}

int CommandLine::run(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    terminal_.out << app_.help();
    return kDone;
  }
  const std::string& first = arguments.front();
  const auto known = names();
  if (first.substr(0, 1) != "-" && std::find(known.begin(), known.end(), first) == known.end()) {
    const std::string near = schema::nearest(first, known);
    return wrong("no such command", first,
                 near.empty() ? "`troupe --help` lists them" : "Did you mean `troupe " + near + "`?");
  }
  try {
    // CLI11 takes them from the back
    app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    CLI::App* asked = &app_;
    while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
    terminal_.out << asked->help();
    return kDone;
  } catch (const CLI::ParseError& e) {
    const bool any = std::find(known.begin(), known.end(), first) != known.end();
    return wrong(e.what(), "",
                 "`troupe " + (any ? first + " " : std::string()) + "--help` tells what is allowed");
  }
  return parsed_.run();
}

}  // namespace

int run_command(const std::vector<std::string>& arguments, const Services& services,
                const Terminal& terminal) {
  try {
    return CommandLine(services, terminal).run(arguments);
  } catch (...) {
    return report(terminal, from_current_exception("troupe"));
  }
}

}  // namespace troupe

#!/usr/bin/env python3
# [intruders] Those who hold no key, against a cluster that trains: what they cost it.
import json
import os
import statistics
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.environ["TROUPE_SOURCE"], *folder) for folder in (("tests", "lab"), ("bench",))]
from lab import Lab  # noqa: E402
from machines import Machines, gan  # noqa: E402
from report import Report  # noqa: E402

HELP = """A head and a node with keys train: left alone, beside attackers that are aimed at a decoy on the head's machine, under
attack, beside the decoy again. The attackers are a machine of their own.
--rate N (200) new connections a second: of every five, two say nothing and are held, two send random bytes, one shakes
hands over TLS with another cluster's key; to the control port and to the data plane. --seconds S (10): of a window.
throughput_loss: 1 - steps a second under attack by those beside the decoy, before and after it: what refusing costs.
throughput_loss_by_idle: the same by the windows in which nothing else ran. Where cores are shared with others' work a mere
spinning process changes how much of a core the cluster gets: then this one means nothing, and may be far below zero.
decoy_spread, idle_spread: how far apart such windows are, (most - least) / median: no loss is known better than that.
cpu_per_step_growth: what a step costs head and node in CPU seconds under attack by what it costs beside the decoy, less 1;
resident_growth:
the head's memory at the end of an attack by that before; refused: what the head counted in an attack; attackers_cpu: cores
that the attackers themselves took, on a core that is not the cluster's where there are two; head_cpu: cores that the head
took under attack beyond what it took beside the decoy. Head and node share the first core, the attackers have the second."""


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


DECOY = ("5001", "5002")  # ports


class Siege:
    def __init__(self, lab, machines, folder, flags):
        self.lab, self.machines, self.flags = lab, machines, flags
        self.foreign = os.path.join(folder, "foreign")
        machines.command("keys", "init", self.foreign)
        with open(os.path.join(machines.run, "control.json"), encoding="utf-8") as control:
            self.pid = json.load(control)["pid"]
        nodes = {node["name"]: node for node in machines.ask("nodes")}
        self.plane = nodes[machines.head]["address"].rsplit(":", 1)[1]
        self.decoy, self.cluster = None, ("4470", self.plane)
        self.program = os.path.join(os.environ["TROUPE_SOURCE"], "tests", "lab", "intruders.py")

    def spawn(self, machine, *words):
        core = sorted(os.sched_getaffinity(0))[-1]
        line = ["taskset", "-c", str(core), sys.executable, "-B", self.program, *words]
        return self.lab.popen(machine, line, stdout=subprocess.PIPE, text=True)

    def start_decoy(self):
        self.decoy = self.spawn("h", "decoy", self.lab.address("h"), *DECOY)
        if self.decoy.stdout.readline() != "ready\n":
            raise RuntimeError("the decoy did not start; its message is above")

    def end(self):
        if self.decoy:
            self.decoy.kill()
            self.decoy.wait()

    def attack(self, ports):
        return self.spawn("x", self.lab.address("h"), *ports, self.foreign, str(self.flags.rate), str(self.flags.seconds))

    def window(self, ports=None):
        """Steps a second, what was refused, the head's CPU seconds a second, what the attackers say, CPU seconds a step."""
        pids = (self.pid, self.machines.processes["a"].pid)
        began, before = time.time(), [cpu_seconds(pid) for pid in pids]
        if ports:
            attackers = self.attack(ports)
            told = json.loads(attackers.communicate()[0])
        else:
            told = None
            time.sleep(self.flags.seconds)
        ended, used = time.time(), [cpu_seconds(pid) - cpu for pid, cpu in zip(pids, before)]
        time.sleep(1.5)  # the journal is told once a second
        events = [e for e in self.machines.journal.look() if began <= e.get("time", 0) <= ended]
        steps = [(e["time"], e["step"]) for e in events if e["event"] == "steps"]
        if len(steps) < 3:
            raise RuntimeError("the job takes no steps: is it over?")
        rate = (steps[-1][1] - steps[0][1]) / (steps[-1][0] - steps[0][0])
        refused = sum(e.get("count", 0) for e in events if e["event"] == "connections_refused")
        return rate, refused, used[0] / (ended - began), told, sum(used) / (ended - began) / rate


def spread(rates):
    return (max(rates) - min(rates)) / statistics.median(rates)


def one_round(siege, rows, note, turn):
    idle, first = siege.window(), siege.window(DECOY)
    memory = resident(siege.pid)
    during = siege.window(siege.cluster)
    rows["growth"].append(resident(siege.pid) / memory)
    beside = [statistics.mean(pair) for pair in zip(*[[w[0], w[2], w[4]] for w in (first, siege.window(DECOY))])]
    rows["loss"].append(1 - during[0] / beside[0])
    rows["by_idle"].append(1 - during[0] / idle[0])
    rows["step"].append(during[4] / beside[2] - 1)
    rows["refused"].append(float(during[1]))
    rows["attackers"].append(during[3]["cpu_seconds"] / siege.flags.seconds)
    rows["head"].append(during[2] - beside[1])
    rows["idle_rate"].append(idle[0])
    rows["rate"].append(beside[0])
    rates = ", ".join(f"{rate:.1f}" for rate in (idle[0], beside[0], during[0]))
    costs = ", ".join(f"{1000 * cost:.1f}" for cost in (idle[4], beside[2], during[4]))
    note(f"round {turn + 1}: alone, beside the decoy, under attack: {rates} steps a second, {costs} ms of CPU a step; "
         f"{during[1]} refused; {during[3]}")


def measure(report, flags, folder):
    jobs = gan(16, 10_000_000, first=16, generators=2, shards=4, shard_batch=4, base=256, most=16)
    rows = {name: [] for name in ("loss", "by_idle", "growth", "refused", "attackers", "head", "rate", "idle_rate", "step")}
    with Lab(os.environ["TROUPE_SWITCH"], ["h", "x", "a"]) as lab:  # the third is on the core of the first
        lab.shape(rate=1e9, delay=0.2e-3)
        machines, siege = Machines(lab, os.environ["TROUPE_BIN"], folder, jobs, named=["h", "a"]), None
        try:
            machines.start_all()
            machines.until("a job on both", lambda events: any(
                e["event"] == "resize_applied" and e["cores"] == 2 for e in events))
            siege = Siege(lab, machines, folder, flags)
            siege.start_decoy()
            siege.window()  # warm
            for turn in range(2 * flags.runs):
                one_round(siege, rows, report.note, turn)
        finally:
            if siege:
                siege.end()
            machines.end()
    report.add("throughput_loss", "", rows["loss"], 0.05, False)
    report.add("throughput_loss_by_idle", "", rows["by_idle"])
    report.add("decoy_spread", "", [spread(rows["rate"])])
    report.add("idle_spread", "", [spread(rows["idle_rate"])])
    report.add("cpu_per_step_growth", "", rows["step"])
    report.add("resident_growth", "", rows["growth"])
    report.add("refused", "", rows["refused"])  # who says nothing is, when they are too many or too slow
    report.add("attackers_cpu", "cores", rows["attackers"])
    report.add("head_cpu", "cores", rows["head"])
    report.add("steps_per_second", "1/s", rows["rate"])


def main():
    report = Report("intruders", HELP)
    report.parser.add_argument("--rate", type=float, default=200)
    report.parser.add_argument("--seconds", type=float, default=10)
    flags = report.flags()
    return report.measure(lambda folder: measure(report, flags, folder))


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# [intruders] Those who hold no key, against a cluster that trains: what they cost it.
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.environ["TROUPE_SOURCE"], *folder) for folder in (("tests", "lab"), ("bench",))]
from lab import Lab, Unfit  # noqa: E402
from machines import Machines, gan  # noqa: E402
from report import Report  # noqa: E402

HELP = """A head and a node with keys train, undisturbed and under attack in turn; the attackers are a machine of their own.
--rate N (200) new connections a second: of every five, two say nothing and are held, two send random bytes, one shakes
hands over TLS with another cluster's key; to the control port and to the data plane. --seconds S (10): of a window.
throughput_loss: 1 - steps a second under attack by those of the undisturbed windows before and after it;
undisturbed_spread: how far apart the undisturbed windows are, (most - least) / median: a loss below that says nothing;
cpu_per_step_growth: what a step costs head and node in CPU seconds under attack by what it costs undisturbed, less 1, which a
neighbour on the same cores disturbs less; resident_growth:
the head's memory at the end of an attack by that before; refused: what the head counted in an attack; attackers_cpu: cores
that the attackers themselves took, on a core that is not the cluster's where there are two; head_cpu: cores that the head
took under attack beyond what it took undisturbed. Head and node share the first core, the attackers have the second."""


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Siege:
    def __init__(self, lab, machines, folder, flags):
        self.lab, self.machines, self.flags = lab, machines, flags
        self.foreign = os.path.join(folder, "foreign")
        machines.command("keys", "init", self.foreign)
        with open(os.path.join(machines.run, "control.json"), encoding="utf-8") as control:
            self.pid = json.load(control)["pid"]
        nodes = {node["name"]: node for node in machines.ask("nodes")}
        self.plane = nodes[machines.head]["address"].rsplit(":", 1)[1]
        self.program = os.path.join(os.environ["TROUPE_SOURCE"], "tests", "lab", "intruders.py")

    def attack(self):
        core = sorted(os.sched_getaffinity(0))[-1]
        line = ["taskset", "-c", str(core), sys.executable, "-B", self.program, self.lab.address(self.machines.head), "4470",
                self.plane, self.foreign, str(self.flags.rate), str(self.flags.seconds)]
        return self.lab.popen("x", line, stdout=subprocess.PIPE, text=True)

    def window(self, attacked):
        """Steps a second, what was refused, the head's CPU seconds a second, what the attackers say, CPU seconds a step."""
        pids = (self.pid, self.machines.processes["a"].pid)
        began, before = time.time(), [cpu_seconds(pid) for pid in pids]
        if attacked:
            attackers = self.attack()
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


def measure(report, flags, folder):
    jobs = gan(16, 10_000_000, first=16, generators=2, shards=4, shard_batch=4, base=256, most=16)
    rows = {name: [] for name in ("loss", "growth", "refused", "attackers", "head", "rate", "step")}
    with Lab(os.environ["TROUPE_SWITCH"], ["h", "x", "a"]) as lab:  # the third is on the core of the first
        lab.shape(rate=1e9, delay=0.2e-3)
        machines = Machines(lab, os.environ["TROUPE_BIN"], folder, jobs, named=["h", "a"])
        try:
            machines.start_all()
            machines.until("a job on both", lambda events: any(
                e["event"] == "resize_applied" and e["cores"] == 2 for e in events))
            siege = Siege(lab, machines, folder, flags)
            siege.window(False)  # warm
            before = siege.window(False)
            rows["rate"].append(before[0])
            for turn in range(2 * flags.runs):
                memory = resident(siege.pid)
                during = siege.window(True)
                growth = resident(siege.pid) / memory
                after = siege.window(False)
                told = during[3]
                rows["loss"].append(1 - during[0] / statistics.mean((before[0], after[0])))
                rows["rate"].append(after[0])
                rows["step"].append(during[4] / statistics.mean((before[4], after[4])) - 1)
                rows["growth"].append(growth)
                rows["refused"].append(float(during[1]))
                rows["attackers"].append(told["cpu_seconds"] / flags.seconds)
                rows["head"].append(during[2] - statistics.mean((before[2], after[2])))
                report.note(f"round {turn + 1}: {before[0]:.1f}, {during[0]:.1f}, {after[0]:.1f} steps a second; "
                            f"{1000 * before[4]:.1f}, {1000 * during[4]:.1f}, {1000 * after[4]:.1f} ms of CPU a step; "
                            f"{during[1]} refused; {told}")
                before = after
        finally:
            machines.end()
    report.add("throughput_loss", "", rows["loss"], 0.05, False)
    spread = (max(rows["rate"]) - min(rows["rate"])) / statistics.median(rows["rate"])
    report.add("undisturbed_spread", "", [spread])
    report.add("cpu_per_step_growth", "", rows["step"])
    report.add("resident_growth", "", rows["growth"], 1.25, False)
    report.add("refused", "", rows["refused"], 0.9 * flags.rate * flags.seconds * 0.6)
    report.add("attackers_cpu", "cores", rows["attackers"])
    report.add("head_cpu", "cores", rows["head"])
    report.add("steps_per_second", "1/s", rows["rate"])


def main():
    report = Report("intruders", HELP)
    report.parser.add_argument("--rate", type=float, default=200)
    report.parser.add_argument("--seconds", type=float, default=10)
    flags = report.flags()
    try:
        with tempfile.TemporaryDirectory(prefix="troupe-intruders-") as folder:
            measure(report, flags, folder)
    except Unfit as why:
        print(f"intruders: error: {why}", file=sys.stderr)
        return 1
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# [nodes] The GAN over 1, 2 and 4 machines, beside torchrun's DistributedDataParallel over Gloo on the same machines.
import json
import os
import shutil
import subprocess
import sys
import time

sys.path[:0] = [os.path.join(os.environ["TROUPE_SOURCE"], *folder) for folder in (("tests", "lab"), ("bench",))]
from lab import Lab  # noqa: E402
from machines import Machines, gan, run_alone  # noqa: E402
from report import Report  # noqa: E402

HELP = """The GAN over 1, 2 and 4 machines, exact and fast, beside torchrun's DistributedDataParallel over Gloo.
Machines are network namespaces with one core each (of those there are: 4 machines share 2 cores), joined by a
userspace switch at 1 Gbit/s and 0.2 ms a way; frames of 9,000 bytes. All talk is encrypted but DDP's and
the fast sums. One generator,
widths of cluster.toml, four shards of 8 images. reduction_share: of the first machine's step, what is neither shards
nor optimiser: the sums, and waiting for the others. overlap: exact sums that begin while the last gradients are being
made, in images a second over those that wait for all of them (overlap = false). same_bits: hash and losses of a job over 4 machines with the four
generators of cluster.toml equal those of one process (1: they do).
--seconds S (12) of each measurement; --sizes 32,64; --nodes 1,2,4; --rate BITS (1e9); --delay SECONDS (0.2e-3)."""
SHARDS, SHARD_BATCH, BASE, MOST = 4, 8, 512, 48
REDUCTION = {"exact": "", "waiting": "overlap = false", "fast": 'reduction = "fast"'}


class Bench:
    def __init__(self, report, folder):
        self.report, self.flags = report, report.given
        self.names = [f"m{i}" for i in range(4)]
        self.folder = folder

    def lab(self, nodes):
        return Lab(os.environ["TROUPE_SWITCH"], self.names[:nodes], mtu=9000)

    def machines(self, lab, jobs, what, cluster=""):
        folder = os.path.join(self.folder, what)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        machines = Machines(lab, os.environ["TROUPE_BIN"], folder, jobs, cluster=cluster)
        machines.start_all()
        return machines

    def troupe(self, nodes, size, reduction):
        """Images a second, bytes on the wire a step, share of a step in the reduction."""
        with self.lab(nodes) as lab:
            lab.shape(rate=self.flags.rate, delay=self.flags.delay)
            jobs = gan(size, 10**9, first=size, generators=1, shards=SHARDS, shard_batch=SHARD_BATCH, base=BASE, most=MOST,
                       more=REDUCTION[reduction])
            machines = self.machines(lab, jobs, f"{reduction}-{nodes}-{size}",
                                     "unencrypted = true" if reduction == "fast" else "")
            try:
                def steps(events, after=0.0):
                    return [e for e in events if e["event"] == "steps" and e["time"] > after]

                def whole(events):
                    cores = [e["cores"] for e in events if e["event"] == "resize_applied"]
                    return (nodes == 1 or (cores and cores[-1] == nodes)) and steps(events)

                machines.until(f"a job on {nodes} machines", whole)
                time.sleep(3)
                first = machines.until("a step", lambda events: steps(events))[-1]
                before, began = lab.count(), first["time"]
                time.sleep(self.flags.seconds)
                seen = machines.until("steps", lambda events: steps(events, began + self.flags.seconds - 2)
                                      and steps(events, began))
                after = lab.count()
                if {e["cores"] for e in seen} != {nodes}:
                    raise RuntimeError(f"the job was not on {nodes} machines all the while")
                wall, count = seen[-1]["time"] - began, sum(e["steps"] for e in seen)
                sent = sum(after[n]["bytes"] - before[n]["bytes"] for n in lab.names)
                inside = sum(e.get(key, 0.0) for e in seen for key in ("shard_seconds", "update_seconds"))
                everything = sum(e["seconds"] * e["steps"] for e in seen)
                return count * SHARDS * SHARD_BATCH / wall, sent / count, 1 - inside / everything
            finally:
                machines.end()

    def peer(self, nodes, size):
        """Images a second and bytes on the wire a step of DistributedDataParallel."""
        with self.lab(nodes) as lab:
            lab.shape(rate=self.flags.rate, delay=self.flags.delay)
            environment = dict(os.environ, GLOO_SOCKET_IFNAME="lab0", TROUPE_PEER_BATCH=str(SHARDS * SHARD_BATCH),
                               TROUPE_PEER_THREADS="1", OMP_NUM_THREADS="1")
            script = os.path.join(os.environ["TROUPE_SOURCE"], "bench", "peers", "gan_peer.py")
            ranks = []
            for i, name in enumerate(lab.names):
                words = [os.environ["TROUPE_PYTHON"], "-m", "torch.distributed.run", f"--nnodes={nodes}",
                         "--nproc_per_node=1", f"--node_rank={i}", f"--master_addr={lab.address(lab.names[0])}",
                         "--master_port=29500", script]
                cores = sorted(os.sched_getaffinity(0))
                words = ["taskset", "-c", str(cores[i % len(cores)]), *words]
                ranks.append(lab.popen(name, words, env=environment, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE if i == 0 else subprocess.DEVNULL, text=True,
                                       stderr=open(os.path.join(self.folder, f"ddp-{name}.log"), "w")))
            try:
                def ask(seconds):
                    ranks[0].stdin.write(f"time {size} {BASE} {MOST} {seconds}\n")
                    ranks[0].stdin.flush()
                    for line in ranks[0].stdout:
                        if line.startswith("{"):
                            return json.loads(line)
                    raise RuntimeError("DDP ended:\n" + open(os.path.join(self.folder, "ddp-m0.log")).read())

                ask(1)
                before = lab.count()
                got = ask(self.flags.seconds)
                after = lab.count()
                steps = got["images_per_second"] * got["seconds"] / (SHARDS * SHARD_BATCH)
                return got["images_per_second"], sum(after[n]["bytes"] - before[n]["bytes"] for n in lab.names) / steps
            finally:
                ranks[0].stdin.close()
                for rank in ranks:
                    try:
                        rank.wait(20)
                    except subprocess.TimeoutExpired:
                        rank.kill()

    def bits(self):
        """1.0 where 4 machines come to the bits of one process."""
        jobs = gan(16, 1200)
        with self.lab(4) as lab:
            lab.shape(rate=self.flags.rate, delay=self.flags.delay)
            machines = self.machines(lab, jobs, "bits")
            try:
                machines.until("the job's end", lambda events: any(e["event"] == "job_finished" for e in events), 300)
                most = max(e["cores"] for e in machines.journal.events if e["event"] == "steps")
            finally:
                machines.end()
        self.report.note(f"same bits: the job ran on up to {most} machines")
        return float(machines.bits() == machines.bits(run_alone(machines, jobs)) and most == 4)

    def measure(self):
        sizes = [int(s) for s in self.flags.sizes.split(",")]
        counts = [int(n) for n in self.flags.nodes.split(",")]
        figures = {}
        for turn in range(self.flags.runs):
            for size in sizes:
                for nodes in counts:
                    kinds = ["exact", "ddp"] if nodes == 1 else self.flags.reductions.split(",") + ["ddp"]
                    for kind in kinds:
                        got = self.peer(nodes, size) if kind == "ddp" else self.troupe(nodes, size, kind)
                        figures.setdefault((size, nodes, kind), []).append(got)
                        self.report.note(f"round {turn + 1}, {size}x{size}, {nodes} machines, {kind}: "
                                         f"{got[0]:.1f} images/s, {got[1] / 1e6:.3f} MB a step"
                                         + (f", {100 * got[2]:.1f} % in the reduction" if len(got) > 2 else ""))
        peer = "torchrun, DistributedDataParallel over Gloo, on the same machines"
        most = max(counts)
        for size in sizes:
            for nodes in counts:
                ddp = [got[0] for got in figures[size, nodes, "ddp"]]
                ours = [got[0] for got in figures[size, nodes, "exact"]]
                goal = 1.3 if nodes == most else None
                name = f"ratio_{size}" if nodes == most else f"ratio_{size}_at_{nodes}"
                self.report.add(name, "ratio", [a / b for a, b in zip(ours, ddp)], goal, True, peer)
                if (size, nodes, "waiting") in figures:
                    waiting = [got[0] for got in figures[size, nodes, "waiting"]]
                    self.report.add(f"overlap_{size}_at_{nodes}", "ratio", [a / b for a, b in zip(ours, waiting)])
        for (size, nodes, kind), got in figures.items():
            name = f"{kind}_{size}_at_{nodes}"
            self.report.add(f"images_per_second_{name}", "images/s", [g[0] for g in got])
            self.report.add(f"step_bytes_{name}", "B", [g[1] for g in got])
            if kind != "ddp":
                self.report.add(f"reduction_share_{name}", "", [g[2] for g in got])
        if most == 4:
            self.report.add("same_bits", "", [self.bits()], 1.0)


def main():
    report = Report("nodes", HELP)
    report.parser.add_argument("--seconds", type=float, default=12)
    report.parser.add_argument("--sizes", default="32,64")
    report.parser.add_argument("--nodes", default="1,2,4")
    report.parser.add_argument("--reductions", default="exact,waiting,fast")
    report.parser.add_argument("--rate", type=float, default=1e9)
    report.parser.add_argument("--delay", type=float, default=0.2e-3)
    report.flags()
    return report.measure(lambda folder: Bench(report, folder).measure())


if __name__ == "__main__":
    sys.exit(main())

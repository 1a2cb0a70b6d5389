#!/usr/bin/env python3
# [join] A fifth machine joins a job that runs on four.
import os
import sys
import time

sys.path[:0] = [os.path.join(os.environ["TROUPE_SOURCE"], *folder) for folder in (("tests", "lab"), ("bench",))]
from lab import Lab  # noqa: E402
from machines import Machines, gan, run_alone  # noqa: E402
from report import Report  # noqa: E402

HELP = """From the start of a fifth machine's process, which no file names, to its first shard of a job that runs on four.
Machines are network namespaces joined by a userspace switch at 1 Gbit/s and 0.2 ms. seconds: all of it (the process's
start, keys, the way in, its data, the state from another machine, the next edge); restarts: of any process; same_bits:
hash and losses equal those of one process (1: they do)."""


def once(folder):
    names = ["m0", "m1", "m2", "m3", "m4"]
    jobs = gan(8, 24000, generators=5, shards=5, shard_batch=8)
    with Lab(os.environ["TROUPE_SWITCH"], names, mtu=9000) as lab:
        lab.shape(rate=1e9, delay=0.2e-3)
        machines = Machines(lab, os.environ["TROUPE_BIN"], folder, jobs, named=names[:4])
        try:
            machines.start_all()
            machines.until("a job on four machines", lambda events: any(
                e["event"] == "resize_applied" and e["cores"] == 4 for e in events))
            time.sleep(2)
            began = time.time()
            machines.start("m4")
            joined = machines.until("the fifth", lambda events: next(
                (e for e in events if e["event"] == "resize_applied" and e["cores"] == 5), None))
            machines.until("the job's end", lambda events: any(e["event"] == "job_finished" for e in events), 600)
        finally:
            machines.end()
        alone = run_alone(machines, jobs)
        gone = sum(e["event"] == "node_down" for e in machines.journal.events[:-5])
        return joined["time"] - began, float(gone), float(machines.bits() == machines.bits(alone))


def measure(report, runs, folder):
    figures = []
    for turn in range(runs):
        own = os.path.join(folder, str(turn))
        os.makedirs(own)
        figures.append(once(own))
        report.note(f"round {turn + 1}: {figures[-1][0]:.2f} s, same bits: {figures[-1][2]:.0f}")
    seconds, gone, same = zip(*figures)
    report.add("seconds", "s", list(seconds), 5.0, False)
    report.add("restarts", "", list(gone), 0.0, False)
    report.add("same_bits", "", list(same), 1.0)


def main():
    report = Report("join", HELP)
    flags = report.flags()
    return report.measure(lambda folder: measure(report, flags.runs, folder))


if __name__ == "__main__":
    sys.exit(main())

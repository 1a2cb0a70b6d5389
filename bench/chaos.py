#!/usr/bin/env python3
# [chaos] Faults on four machines, one after the other, while a job trains; its bits are those of an undisturbed run.
import math
import os
import sys
import time

sys.path[:0] = [os.path.join(os.environ["TROUPE_SOURCE"], *folder) for folder in (("tests", "lab"), ("bench",))]
from chaos import Chaos  # noqa: E402
from lab import Lab  # noqa: E402
from machines import Machines, gan, run_alone  # noqa: E402
from report import Report  # noqa: E402

HELP = """Faults of twelve kinds on four machines while a job trains: kill -9, SIGSTOP, cables drawn, 5 % loss, 200 ms, datagrams
twice and out of order, partitions, full disks, two machines at once, the head killed and started again.
recovery: from when a loss is known to the first step without it; detection: from the fault to when the head knows;
head_recovery: from the head's kill to the next head's first step; same_bits: hash and every row of the losses equal
those of a run in one process (1: they do), so that no step was lost or done twice, and every sample came once.
--minutes M (3); --seed N (1); --failure-timeout S (2); --steps-per-second N (60): how long the job is made."""


def at(samples, share):
    return sorted(samples)[min(len(samples) - 1, math.ceil(share * len(samples)) - 1)]


def measure(report, flags, folder):
    cache = os.path.join(folder, "cache")
    os.makedirs(cache)
    images = int(flags.minutes * 60 * flags.steps_per_second * 8 / 2)
    jobs = gan(8, images, generators=2, shard_batch=2, base=64, most=8, more="checkpoint_seconds = 2", cache=cache)
    with Lab(os.environ["TROUPE_SWITCH"], ["h", "a", "b", "c"], seed=flags.seed) as lab:
        lab.shape(rate=1e9, delay=0.2e-3)
        machines = Machines(lab, os.environ["TROUPE_BIN"], folder, jobs, failure_timeout=flags.failure_timeout)
        try:
            machines.start_all()
            chaos = Chaos(machines, flags.seed, flags.failure_timeout, cache, report.note)
            chaos.wait_whole(0)
            chaos.run(10**9, time.monotonic() + 60 * flags.minutes)
            for name in chaos.nodes:  # the head ends the job alone: that is faster
                machines.kill(name)
            machines.until("the job's end", lambda events: chaos.over(events), 3600)
        finally:
            machines.end()
    report.note("undisturbed, in one process")
    same = float(machines.bits() == machines.bits(run_alone(machines, jobs)))
    count = sum(chaos.done.values())
    report.add("faults", "", [count], 200 if flags.minutes >= 60 else None, value=count)
    for kind, times in sorted(chaos.done.items()):
        report.add(f"faults_{kind}", "", [times])
    recoveries = chaos.figures()
    report.add("recovery_p50_seconds", "s", recoveries, 2.0, False)
    report.add("recovery_p99_seconds", "s", recoveries, 2.0, False, value=at(recoveries, 0.99))
    detections = chaos.detections
    report.add("detection_p50_seconds", "s", detections, flags.failure_timeout, False)
    report.add("detection_p99_seconds", "s", detections, flags.failure_timeout, False, value=at(detections, 0.99))
    report.add("head_recovery_seconds", "s", chaos.head_recoveries)
    report.add("same_bits", "", [same], 1.0)


def main():
    report = Report("chaos", HELP)
    report.parser.add_argument("--minutes", type=float, default=3)
    report.parser.add_argument("--seed", type=int, default=1)
    report.parser.add_argument("--failure-timeout", type=float, default=2)
    report.parser.add_argument("--steps-per-second", type=float, default=60)
    flags = report.flags()
    return report.measure(lambda folder: measure(report, flags, folder))


if __name__ == "__main__":
    sys.exit(main())

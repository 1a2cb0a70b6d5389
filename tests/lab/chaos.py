"""Faults, one after the other or two at a time, on the machines of a lab while a job trains; each is undone, and waited
for until the job runs on all machines again. Which fault hits whom is a function of the seed."""
import os
import random
import signal
import time

SHARE = {"short": 0.3, "long": 1.6}  # of failure_timeout: what nobody need notice, and what is a loss


class Chaos:
    def __init__(self, machines, seed, failure_timeout, cache, note=lambda text: None):
        self.m, self.lab, self.random = machines, machines.lab, random.Random(seed)
        self.timeout, self.cache, self.note = failure_timeout, cache, note
        self.nodes = [name for name in self.lab.names if name != machines.head]
        self.done, self.detections, self.recoveries, self.head_recoveries = {}, [], [], []
        self.read, self.ended, self.up, self.cores = 0, False, set(), 0  # what the journal has told so far
        # The head's own end is last: what comes before is tried without it too.
        self.kinds = {"kill": self.kill, "hang": self.hang, "hang_short": self.hang_short, "cable": self.cable,
                      "cable_short": self.cable_short, "loss": self.loss, "slow": self.slow,
                      "disorder": self.disorder, "partition": self.partition, "full_disk": self.full_disk,
                      "two_at_once": self.two_at_once, "head_killed": self.head_killed}

    # ---- what can be seen
    def follow(self, events):
        for e in events[self.read:]:
            kind = e["event"]
            if kind == "node_up":
                self.up = {e["node"]} if e["node"] == self.m.head else self.up | {e["node"]}
                self.cores = 0  # unknown until steps are taken with it
            elif kind == "node_down":
                self.up.discard(e["node"])
            elif kind in ("steps", "resize_applied"):
                self.cores = e.get("cores", 0)
            elif kind in ("job_finished", "job_failed"):
                self.ended = True
        self.read = len(events)

    def over(self, events=None):
        self.follow(self.m.journal.look() if events is None else events)
        return self.ended

    def whole(self, events):
        """Every machine's node is up, and the newest steps since the last one came were taken on all of them."""
        self.follow(events)
        return self.up == set(self.lab.names) and self.cores == len(self.lab.names)

    def wait_whole(self, since):
        """Until the job has taken steps on all machines, or is over."""
        self.m.until("a job on all machines", lambda events: self.over(events) or (
            self.whole(events) and any(e["event"] == "steps" and e["time"] > since for e in events[-50:])), 180)

    def lost(self, *names, began):
        """Waits until the head counts them as lost; how long that took."""
        for name in names:
            seen = self.m.until(f"the loss of {name}", lambda events, name=name: self.over(events) or next(
                (e for e in events[-1000:] if e["event"] == "node_down" and e["node"] == name and
                 e["time"] >= began - 0.1), None), 60)
            if seen is True:
                return
            self.detections.append(seen["time"] - began)

    # ---- faults: each does it, undoes it, and leaves the job to recover
    def rest(self, share):
        time.sleep(self.timeout * share)

    def kill(self, who):
        began = time.time()
        self.m.kill(who)
        self.lost(who, began=began)
        self.rest(0.3)
        self.m.start(who)

    def hang(self, who):
        began = time.time()
        self.m.signal(who, signal.SIGSTOP)
        self.lost(who, began=began)
        self.rest(0.3)
        self.m.signal(who, signal.SIGCONT)

    def hang_short(self, who):
        self.m.signal(who, signal.SIGSTOP)
        self.rest(SHARE["short"])
        self.m.signal(who, signal.SIGCONT)

    def cable(self, who):
        began = time.time()
        self.lab.link(who, False)
        self.lost(who, began=began)
        self.rest(0.3)
        self.lab.link(who, True)

    def cable_short(self, who):
        self.lab.link(who, False)
        self.rest(SHARE["short"])
        self.lab.link(who, True)

    def weather(self, who, **quality):
        good = {"loss": 0, "delay": 0.2e-3, "duplicate": 0, "reorder": 0}
        self.lab.port(who, **{**good, **quality})
        self.rest(SHARE["long"])
        self.lab.port(who, **good)

    def loss(self, who):
        self.weather(who, loss=0.05)

    def slow(self, who):
        self.weather(who, delay=0.2)

    def disorder(self, who):
        self.weather(who, duplicate=0.1, reorder=0.1, delay=5e-3)

    def partition(self, who):
        other = self.random.choice([name for name in self.nodes if name != who])
        began = time.time()
        self.lab.cut(who, other)
        self.lost(who, other, began=began)
        self.rest(0.3)
        self.lab.heal()

    def full_disk(self, who):
        """A machine comes back without room for the data it needs: the job goes on without it."""
        self.m.kill(who)
        began = time.time()
        self.m.start(who, full=self.cache)
        self.m.until(f"a job without {who}", lambda events: self.over(events) or any(
            e["event"] == "warning" and e.get("node") == who and e["time"] >= began for e in events[-1000:]), 60)
        self.m.kill(who)
        self.m.start(who)

    def two_at_once(self, who):
        other = self.random.choice([name for name in self.nodes if name != who])
        began = time.time()
        self.m.kill(who)
        self.m.signal(other, signal.SIGSTOP)
        self.lost(who, other, began=began)
        self.m.signal(other, signal.SIGCONT)
        self.m.start(who)

    def head_killed(self, _):
        began = time.time()
        self.m.kill(self.m.head)
        self.m.start_head(resume=True)
        first = self.m.until("steps of the next head", lambda events: self.over(events) or next(
            (e for e in events[-1000:] if e["event"] == "steps" and e["time"] > began + 0.01), None), 120)
        if first is not True:
            self.head_recoveries.append(first["time"] - began)

    # ---- one after the other
    def once(self, kind, who):
        began = time.time()
        self.kinds[kind](who)
        self.wait_whole(began)
        self.done[kind] = self.done.get(kind, 0) + 1
        self.note(f"{sum(self.done.values())}: {kind} of {who}, whole again after {time.time() - began:.1f} s")

    def run(self, faults, until=None):
        """Each kind once before any comes twice; ends with the job, after so many faults or at a time."""
        order = []
        while not self.over() and sum(self.done.values()) < faults and (until is None or time.monotonic() < until):
            if not order:
                order = list(self.kinds)
                self.random.shuffle(order)
            self.once(order.pop(), self.random.choice(self.nodes))

    def figures(self):
        """Seconds from when a loss was known to the first step without it, of all that the journal knows."""
        return [e["seconds"] for e in self.m.journal.look() if e["event"] == "recovered"]

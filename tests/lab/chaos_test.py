#!/usr/bin/env python3
"""A job over four machines, on which every kind of fault falls once, comes to the bits of an undisturbed run in one
process.

usage: chaos_test.py LAB_SWITCH TROUPE [unittest options]
"""
import os
import sys
import tempfile
import unittest

from chaos import Chaos
from lab import Lab, Unfit
from machines import Machines, gan, run_alone

SWITCH = TROUPE = None
SEED, TIMEOUT = 20, 2


class ChaosTest(unittest.TestCase):
    def test_every_fault_once_and_the_same_bits(self):
        with tempfile.TemporaryDirectory(prefix="troupe-chaos-") as folder:
            cache = os.path.join(folder, "cache")
            jobs = gan(8, 60000, generators=2, shard_batch=2, base=64, most=8, more="checkpoint_seconds = 2", cache=cache)
            try:
                lab = Lab(SWITCH, ["h", "a", "b", "c"], seed=SEED).__enter__()
            except Unfit as why:
                self.skipTest(f"{why}; tests/cli/e2e_nodes_test.py kills and stops nodes on loopback")
            self.addCleanup(lab.__exit__)
            machines = Machines(lab, TROUPE, folder, jobs, failure_timeout=TIMEOUT)
            self.addCleanup(machines.end)
            os.makedirs(cache)
            machines.start_all()
            chaos = Chaos(machines, SEED, TIMEOUT, cache, lambda text: print(text, flush=True))
            chaos.wait_whole(0)
            chaos.run(len(chaos.kinds))
            for name in chaos.nodes:  # the head ends it alone: faster, and one fault more
                machines.kill(name)
            machines.until("the job's end", lambda events: chaos.over(events), 300)
            machines.end()
            self.assertEqual(sorted(chaos.done), sorted(chaos.kinds), "the job was over too soon")
            self.assertTrue(chaos.detections)
            self.assertTrue(chaos.figures())
            self.assertEqual(machines.bits(), machines.bits(run_alone(machines, jobs)))


if __name__ == "__main__":
    SWITCH, TROUPE = sys.argv[1:3]
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=2)

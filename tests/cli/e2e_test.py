#!/usr/bin/env python3
"""The command `troupe` over a real cluster, from the outside: what a user does.

usage: e2e_test.py TROUPE [unittest options]
"""
import json
import os
import random
import signal
import time

from e2e_tools import CommandTestCase, job_text, main


class CommandTest(CommandTestCase):
    def test_a_run_finishes_and_leaves_its_folder(self):
        cluster = self.up("up", self.cluster_file(200), "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())
        for name in ["config.toml", "journal.jsonl", "timeline.png", "summary.json", "summary.md", "gan/job.toml",
                     "gan/grids", "gan/samples"]:
            self.assertTrue(os.path.exists(os.path.join(self.run_folder, name)), name)
        self.assertIsNone(self.control())
        self.assertIn("job_finished", self.kinds())
        self.assertIn("finished", cluster.text())
        self.ask("resume", self.run_folder, code=2)
        self.assertIn("this run is finished", self.error)

    def test_interrupt_then_resume_finishes_with_the_same_bits(self):
        config = self.cluster_file(8000)
        whole = self.up("up", config, "--run", os.path.join(self.folder, "whole"))
        self.assertEqual(whole.wait(), 0, whole.text())
        cluster = self.up("up", config, "--run", self.run_folder)
        self.started(cluster)
        self.past_step(5, cluster)
        cluster.process.send_signal(signal.SIGINT)
        self.assertEqual(cluster.wait(), 130, cluster.text())
        self.assertIn("troupe resume", cluster.text())
        self.assertNotIn("job_finished", self.kinds(), "it was over before it was interrupted")
        again = self.up("resume", self.run_folder)
        self.assertEqual(again.wait(), 0, again.text())
        self.assertIn("resumed", self.kinds())
        self.assert_same_checkpoint(os.path.join(self.folder, "whole"))

    def assert_same_checkpoint(self, other):
        here = self.checkpoints()[-1]
        there = os.path.join(other, "gan", "checkpoints", os.path.basename(here))
        for name in sorted(os.listdir(here)):
            if name.endswith(".safetensors"):
                with open(os.path.join(here, name), "rb") as a, open(os.path.join(there, name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), name)

    def test_twenty_kills_at_random_moments_leave_the_same_bits(self):
        config = self.cluster_file(20000)
        whole_run = os.path.join(self.folder, "whole")
        begin = time.monotonic()
        whole = self.up("up", config, "--run", whole_run)
        self.assertEqual(whole.wait(), 0, whole.text())
        # Some two thirds of what the whole run took, over twenty kills, however fast this machine is.
        longest = (time.monotonic() - begin) / 15
        random.seed(5)
        cluster = self.up("up", config, "--run", self.run_folder)
        self.until("a checkpoint", self.checkpoints, cluster)
        kills = 0
        while kills < 20:
            time.sleep(random.uniform(0, longest))  # the moment is the test's input; nothing is waited for
            if cluster.process.poll() is not None:
                break  # over before its turn came
            cluster.process.kill()
            cluster.wait()
            kills += 1
            cluster = self.up("resume", self.run_folder)
        if cluster.wait() != 0:  # killed between the run's end and its process's
            self.assertEqual(cluster.wait(), 2, cluster.text())
            self.assertIn("this run is finished", cluster.text())
        self.assertGreaterEqual(kills, 10)
        self.assertIn("resumed", self.kinds())
        self.assert_same_checkpoint(whole_run)
        with open(os.path.join(whole_run, "gan", "losses.csv")) as a, \
                open(os.path.join(self.run_folder, "gan", "losses.csv")) as b:
            self.assertEqual(a.read(), b.read())

    def test_jobs_are_shown_resized_submitted_and_stopped(self):
        cluster = self.up("up", self.cluster_file(10000000), "--run", self.run_folder)
        self.started(cluster)
        self.past_step(0, cluster)
        run = self.run_folder
        self.assertIn("gan", self.ask("jobs", run=run))
        self.assertIn("fmap_max", self.ask("show", "gan", run=run))
        self.assertEqual(json.loads(self.ask("show", "gan", "--json", run=run))["name"], "gan")
        self.ask("show", "gam", code=1, run=run)
        self.assertIn("gan", self.error)
        for cores in (1, 2):
            self.ask("resize", "gan", "--cores", str(cores), run=run)
            self.until("the resize", lambda: self.job()["cores"] == cores, cluster)
        self.ask("resize", "gan", "--cores", "999", code=1, run=run)
        self.ask("resize", "gan", "--auto", run=run)
        job = self.write("second.toml", job_text("second", self.data, 100, more="priority = 5"))
        self.ask("submit", job, "--follow", run=run)
        self.assertEqual(self.job("second")["state"], "finished")
        self.ask("submit", self.write("broken.toml", "name = 3"), code=2, run=run)
        self.assertIn("broken.toml:1:", self.error)
        again = self.write("again.toml", job_text("gan", self.data, 100))
        self.ask("submit", again, code=2, run=run)
        self.assertIn("submitted", self.ask("logs", "gan", run=run))
        lines = self.ask("logs", "gan", "--json", run=run).splitlines()
        self.assertTrue(all(json.loads(line)["job"] == "gan" for line in lines))
        self.assertIn("checkpoint", self.ask("stop", "gan", run=run))
        self.assertEqual(cluster.wait(), 0, cluster.text())
        self.assertTrue(self.checkpoints())

    def test_a_cluster_without_jobs_stays_until_it_is_stopped(self):
        cluster = self.up("up", self.cluster_file(0, jobs=False), "--run", self.run_folder)
        self.started(cluster)
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))
        self.ask("resume", self.run_folder, code=2)
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())
        self.ask("jobs", code=1, run=self.run_folder)

    def test_detached_clusters_answer_when_the_command_returns(self):
        config = self.cluster_file(10000000)
        told = json.loads(self.ask("up", config, "--detach", "--json", "--run", self.run_folder))
        try:
            self.assertEqual(told["pid"], self.control()["pid"])
            self.assertIn("gan", self.ask("jobs", "--port", str(told["port"])))
            self.ask("resume", self.run_folder, code=2)
            self.assertIn("still running", self.error)
            self.ask("stop", "--all", "--port", str(told["port"]))
            self.until("its end", lambda: not os.path.exists(f"/proc/{told['pid']}") or self.control() is None)
        finally:
            try:
                os.kill(told["pid"], signal.SIGKILL)
            except ProcessLookupError:
                pass

    def test_generate_makes_pictures_by_every_generator(self):
        cluster = self.up("up", self.cluster_file(400), "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())
        out = os.path.join(self.folder, "out")
        told = json.loads(self.ask("generate", self.run_folder, "--count", "20", "--out", out, "--json"))
        self.assertEqual(len(told["folders"]), 2)
        for folder in told["folders"]:
            self.assertEqual(len(os.listdir(folder)), 20)
        self.assertTrue(os.path.exists(told["grid"]))
        few = os.path.join(self.folder, "few")
        self.ask("generate", self.run_folder, "--count", "3", "--out", few)
        for name in ["00000.png", "00002.png"]:
            with open(os.path.join(out, "generator0", name), "rb") as a:
                with open(os.path.join(few, "generator0", name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), "an image depends on how many were asked for")
        self.ask("generate", self.run_folder, "--job", "none", code=1)


if __name__ == "__main__":
    main()

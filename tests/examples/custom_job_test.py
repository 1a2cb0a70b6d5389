#!/usr/bin/env python3
"""examples/custom_job as its reader meets it: against an installed troupe alone, with the installed command.

usage: custom_job_test.py CMAKE BUILD SOURCE WORK [CMAKE FLAGS...]

BUILD is installed into WORK/prefix, the example configured with the flags and built in WORK/build, and its plugin
trains on the MRI slices beside a tiny GAN. WORK stays, so that the next call compiles nothing again.
"""
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
CMAKE, BUILD, SOURCE, WORK = (os.path.abspath(path) for path in sys.argv[1:5])
FLAGS = sys.argv[5:]
sys.path.insert(0, os.path.join(SOURCE, "tests", "cli"))
import e2e_tools  # noqa: E402  (found by the line above)

PREFIX = os.path.join(WORK, "prefix")
PLUGIN = os.path.join(WORK, "build", "libclassifier.so")
EXAMPLE = os.path.join(SOURCE, "examples", "custom_job")
STEPS = 1500

CLASSIFIER = """
[[job]]
name = "classifier"
kind = "classifier"
plugin = "{plugin}"
max_cores = 1
checkpoint_seconds = 0.3
[job.data]
path = "/usr/share/mricron/templates"
files = ["ch2bet.nii.gz"]
[job.options]
size = 16
steps = {steps}
shards = 2
shard_batch = 8
learning_rate = 0.02
"""


def call(*line):
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}\n{done.stdout}\n{done.stderr}")


class CustomJobTest(e2e_tools.CommandTestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(PREFIX, ignore_errors=True)
        call(CMAKE, "--install", BUILD, "--prefix", PREFIX)
        call(CMAKE, "-S", EXAMPLE, "-B", os.path.join(WORK, "build"), f"-DCMAKE_PREFIX_PATH={PREFIX}",
             "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *FLAGS)
        call(CMAKE, "--build", os.path.join(WORK, "build"))
        e2e_tools.TROUPE = os.path.join(PREFIX, "bin", "troupe")

    # ---- tools
    def config(self):
        path = self.cluster_file(1200)  # of the GAN alone
        with open(path, "a") as file:
            file.write(CLASSIFIER.format(plugin=PLUGIN, steps=STEPS))
        return path

    def result(self, run):
        with open(os.path.join(run, "classifier", "result.json")) as file:
            return json.load(file)

    def events(self, job, kind):
        """Where in the journal events of this kind of the job stand."""
        return [i for i, event in enumerate(self.journal()) if event.get("job") == job and event["event"] == kind]

    def scores(self):
        with open(os.path.join(self.run_folder, "classifier", "losses.csv")) as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]

    def interrupted_and_resumed(self, config, run):
        """The hash at the end of a run that was interrupted in the classifier's midst."""
        self.run_folder = run
        cluster = self.up("up", config, "--run", run)
        self.started(cluster)
        self.assert_only_installed_libraries(cluster)
        self.past_step(5, cluster, "classifier")
        cluster.process.send_signal(signal.SIGINT)
        self.assertEqual(cluster.wait(), 130, cluster.text())
        self.assertEqual(self.events("classifier", "job_finished"), [], "it was over before it was interrupted")
        again = self.up("resume", run)
        self.assertEqual(again.wait(), 0, again.text())
        self.assertIn("classifier", [event.get("job") for event in self.journal() if event["event"] == "resumed"])
        return self.result(run)["hash"]

    # ---- what is checked
    def assert_only_installed_libraries(self, cluster):
        with open(f"/proc/{cluster.process.pid}/maps") as file:
            ours = set(re.findall(r"/.*/libtroupe_.*", file.read()))
        self.assertTrue(ours)
        self.assertEqual([path for path in ours if not path.startswith(PREFIX + "/lib/")], [])

    def assert_side_by_side(self):
        began, ended = {}, {}
        for job in ["gan", "classifier"]:
            began[job], ended[job] = self.events(job, "job_started")[0], self.events(job, "job_finished")[0]
        self.assertLess(max(began.values()), min(ended.values()), "the jobs ran one after the other")

    def assert_it_learned(self):
        rows = self.scores()
        self.assertEqual([row["step"] for row in rows], list(range(STEPS)))
        first, last = rows[:20], rows[-20:]
        mean = {name: [sum(row[name] for row in part) / len(part) for part in (first, last)]
                for name in ["loss", "accuracy"]}
        self.assertLess(mean["loss"][1], mean["loss"][0] / 3, mean)
        self.assertGreater(mean["accuracy"][1], 0.9, mean)

    def assert_its_folder_is_whole(self):
        kinds = {event["event"] for event in self.journal() if event.get("job") == "classifier"}
        self.assertLessEqual({"job_submitted", "job_started", "phase_started", "steps", "phase_finished",
                              "checkpoint_written", "job_finished"}, kinds)
        newest = self.checkpoints("classifier")[-1]
        self.assertTrue(newest.endswith(f"step-{STEPS:09}"), newest)
        self.assertLessEqual({"classifier.safetensors", "manifest.json"}, set(os.listdir(newest)))
        with open(os.path.join(self.run_folder, "summary.json")) as file:
            self.assertIn("classifier", json.dumps(json.load(file)))
        with open(os.path.join(self.run_folder, "summary.md")) as file:
            self.assertRegex(file.read(), r"## classifier\s+finished")

    # ---- what a user does
    def test_the_example_is_compiled_against_the_installed_headers_alone(self):
        with open(os.path.join(WORK, "build", "compile_commands.json")) as file:
            commands = [entry["command"] for entry in json.load(file)]
        self.assertTrue(commands)
        for command in commands:
            self.assertIn(PREFIX + "/include/troupe", command)
            others = [path for path in re.findall(re.escape(SOURCE) + r"/[^\s:]*", command)
                      if not path.startswith((EXAMPLE + "/", WORK + "/")) and "/.venv/" not in path]
            self.assertEqual(others, [], "the source tree is named")

    def test_it_trains_beside_the_gan_and_ends_in_the_same_bits_after_an_interrupt(self):
        config = self.config()
        resumed = self.interrupted_and_resumed(config, os.path.join(self.folder, "resumed"))
        # The pyramids are there now: both jobs start at once.
        self.run_folder = os.path.join(self.folder, "whole")
        cluster = self.up("up", config, "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())
        end = self.result(self.run_folder)
        self.assertEqual((end["state"], end["step"], end["error"]), ("finished", STEPS, ""))
        self.assert_side_by_side()
        self.assert_it_learned()
        self.assert_its_folder_is_whole()
        self.assertEqual(resumed, end["hash"])

    def test_a_wrong_option_of_the_plugin_is_told_in_its_words(self):
        text = open(self.config()).read().replace("size = 16", "size = 17")
        cluster = self.up("up", self.write("odd.toml", text), "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 1, cluster.text())
        self.assertIn("options.size is no power of two", cluster.text())
        self.assertEqual(len(self.events("gan", "job_finished")), 1, "the GAN went down with it")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

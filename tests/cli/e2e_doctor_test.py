#!/usr/bin/env python3
"""`troupe doctor` beside real processes: before a cluster runs, while it does, from its node, and with what is broken.

usage: e2e_doctor_test.py TROUPE [unittest options]

Needs no LibTorch: the cluster has no jobs.
"""
import json
import os
import shutil
import socket

from e2e_tools import CommandTestCase, main


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DoctorTest(CommandTestCase):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        self.ask("keys", "init", self.keys)
        self.ask("keys", "add", self.keys, "b")
        self.port, self.metrics = free_port(), free_port()
        nodes = "".join(f'[[node]]\nname = "{name}"\ncores = 1\n' for name in ("head", "b"))
        self.file = self.write("cluster.toml", f'[cluster]\nname = "sick"\nport = {self.port}\nmetrics_port = {self.metrics}\n'
                               f'keys = "{self.keys}"\nruns = "{self.folder}/runs"\n{nodes}')

    def doctor(self, *arguments, code=0):
        """What it found, by verdict: [(topic, text)]."""
        told = json.loads(self.ask("doctor", self.file, "--json", *arguments, code=code))
        found = {"ok": [], "warning": [], "problem": []}
        self.measured = {f["measured"]["to"]: f["measured"] for f in told["findings"] if "measured" in f}
        for finding in told["findings"]:
            found[finding["verdict"]].append((finding["topic"], finding["text"]))
            self.assertEqual(bool(finding["hint"]), finding["verdict"] != "ok", finding)
        self.assertEqual(told["problems"], len(found["problem"]))
        return found

    def has(self, found, topic, part):
        self.assertTrue(any(t == topic and part in text for t, text in found), f"{topic}: {part}\n{found}")

    def test_doctor_before_and_while_a_cluster_runs(self):
        found = self.doctor()
        self.has(found["ok"], "link", "is not measured: node head is not up")
        self.has(found["ok"], "ports", f"port {self.port}) is free")
        self.assertEqual(found["problem"], [])

        head = self.up("up", self.file, "--run", self.run_folder, "--stay")
        self.started(head)
        found = self.doctor()
        self.has(found["ok"], "ports", f"port {self.port}) is held by the cluster itself")
        self.has(found["ok"], "ports", f"port {self.metrics}) is held by the cluster itself")
        self.has(found["ok"], "clocks", "the head's")
        self.has(found["ok"], "versions", "as here")

        node = self.up("up", self.file, "--node", "b")
        self.until("node b", lambda: any(
            n["name"] == "b" and n["state"] == "up"
            for n in json.loads(self.ask("nodes", "--json", run=self.run_folder))), node)
        found = self.doctor("--node", "b")
        self.has(found["ok"], "processor", "as the head's")
        self.has(found["ok"], "link", "data plane of head")
        self.has(found["ok"] + found["warning"], "link", "data plane to head: ")
        way = self.measured["head"]
        self.assertGreater(way["round_trip_seconds"], 0)
        self.assertGreater(way["there_bytes_per_second"], 0)
        self.assertGreater(way["back_bytes_per_second"], 0)
        self.doctor("--no-bandwidth")  # of the head
        self.assertGreater(self.measured["b"]["round_trip_seconds"], 0)
        self.assertIsNone(self.measured["b"]["there_bytes_per_second"])
        link = [text for topic, text in found["ok"] + found["warning"] if topic == "link" and "control connection" in text]
        self.assertEqual(len(link), 1)
        self.assertRegex(link[0], r"there and back, at least .*B/s")
        self.assertEqual(found["problem"], [])
        node.process.kill()
        node.wait()
        self.until("the loss", lambda: any(topic == "nodes" and "lost" in text for topic, text in self.doctor()["warning"]), head)
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(head.wait(), 0, head.text())

    def test_doctor_names_what_is_broken(self):
        os.chmod(os.path.join(self.keys, "b.key"), 0o644)
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", self.port))
            squatter.listen()
            found = self.doctor(code=1)
        self.has(found["problem"], "keys", "b.key: mode 0644")
        self.has(found["problem"], "ports", "Address already in use")
        os.chmod(os.path.join(self.keys, "b.key"), 0o600)
        shutil.move(os.path.join(self.keys, "b.curve"), os.path.join(self.folder, "b.curve"))
        self.has(self.doctor("--node", "b", code=1)["problem"], "keys", "b.curve")
        self.has(self.doctor("--at", f"127.0.0.1:{self.port}", code=1)["problem"], "link", "no head answers")
        self.ask("doctor", os.path.join(self.folder, "none.toml"), code=2)
        self.assertIn("EXAMPLE", self.ask("doctor", "--help"))

    def test_a_gpu_that_is_required_is_there_or_the_line_is_named(self):
        with open(self.file, encoding="utf-8") as file:
            text = file.read().replace('name = "head"\n', 'name = "head"\ngpu = "require"\n')
        asked = self.write("gpu.toml", text)
        line = text.split("\n").index('gpu = "require"') + 1
        none = any(topic == "gpu" and text.startswith("none, ") for topic, text in self.doctor()["ok"])
        self.ask("up", asked, "--dry-run", code=2 if none else 0)
        if none:
            for part in (f"{asked}:{line}:7: node head", "requires a GPU", 'gpu = "require"'):
                self.assertIn(part, self.error)


if __name__ == "__main__":
    main()

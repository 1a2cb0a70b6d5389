#!/usr/bin/env python3
"""A head and nodes in processes of their own, from the outside: they join, are killed, hang, come back; the bits are
those of one process.

usage: e2e_nodes_test.py TROUPE [unittest options]
"""
import json
import os
import shutil
import signal

from e2e_tools import CommandTestCase, job_text, main

TIMEOUT = 2  # seconds: failure_timeout of these clusters


class NodesTest(CommandTestCase):
    def file(self, name, images, cluster, cores=1, job=""):
        head = f'[cluster]\nname = "{name}"\nmetrics_port = 0\nruns = "{self.folder}/runs"\n'
        head += f"failure_timeout_seconds = {TIMEOUT}\n{cluster}\n"
        head += "".join(f'[[node]]\nname = "{node}"\ncores = {cores}\noversubscribe = true\n' for node in "hab")
        text = job_text("gan", self.data, images, "job.", f"target_step_seconds = 1e-4\n{job}")
        return self.write(f"{name}.toml", head + text.replace("shards = 2", "shards = 4"))

    def head(self, file, port=0):
        cluster = self.up("up", file, "--run", self.run_folder, "--port", str(port), "--stay")
        return cluster, self.started(cluster)

    def finish(self, head):
        def over():
            job = self.job()
            return job["state"] in ("finished", "failed") and job

        job = self.until("the job's end", over, head)
        self.stop(head)
        return job

    def stop(self, head):
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(head.wait(), 0, head.text())

    def node(self, name, file, control):
        # Each process pins its threads to the first core that it may use: not the same one for all of them.
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(mine)[ord(name) % len(mine)]})
        try:
            return self.up("up", file, "--node", name, "--at", f"127.0.0.1:{control['port']}")
        finally:
            os.sched_setaffinity(0, mine)

    def nodes(self, *more):
        return {node["name"]: node for node in json.loads(self.ask("nodes", "--json", *more, run=self.run_folder))}

    def until_up(self, names, cluster):
        def look():
            there = {name for name, node in self.nodes().items() if node["state"] == "up"}
            return there == set(names)

        self.until(f"nodes {names}", look, cluster)

    def working_on(self, count, cluster):
        """The job takes steps with so many nodes, or is over."""
        def look():
            job = json.loads(self.ask("show", "gan", "--json", run=self.run_folder))
            if job["state"] != "running":
                return job["state"] == "finished" and job
            nodes = {grant["node"] for grant in job["slices"]}
            return len(nodes) == count and job["step"] > self.seen + 5 and job

        job = self.until(f"a job on {count} nodes", look, cluster)
        self.assertEqual(job["state"], "running", "it was over too soon to test anything")
        self.seen = job["step"]

    def bits(self, run):
        with open(os.path.join(run, "gan", "losses.csv")) as losses, open(
                os.path.join(run, "gan", "result.json")) as result:
            return json.load(result)["hash"], losses.read()

    def bits_alone(self, file):
        run = os.path.join(self.folder, "alone")
        alone = self.up("up", file, "--run", run, "--port", "0", "--metrics-port", "0")
        self.assertEqual(alone.wait(), 0, alone.text())
        return self.bits(run)

    def walk_through_losses(self, file, end):
        """A job over three nodes; one is killed and one hangs, and both come back. end(head) ends it."""
        self.seen = 0
        head, control = self.head(file)
        a, b = self.node("a", file, control), self.node("b", file, control)
        self.until_up("hab", head)
        self.working_on(3, head)
        a.process.kill()
        self.working_on(2, head)
        a = self.node("a", file, control)
        self.working_on(3, head)
        b.process.send_signal(signal.SIGSTOP)
        self.until("b lost", lambda: self.nodes()["b"]["state"] == "lost", head)
        self.assertIn("failure_timeout", self.nodes()["b"]["why"])
        self.working_on(2, head)
        b.process.send_signal(signal.SIGCONT)
        self.until_up("hab", head)
        self.working_on(3, head)
        end(head)
        kinds = self.kinds()
        self.assertEqual(kinds.count("node_down"), 2)
        self.assertGreaterEqual(kinds.count("recovered"), 2)
        self.assertIn("commits nothing until it is back", b.text())  # said by itself: it had not heard the head
        for node in (a, b):
            node.process.send_signal(signal.SIGINT)
            self.assertEqual(node.wait(), 130, node.text())

    def test_nodes_that_die_hang_and_come_back_change_no_bit(self):
        file = self.file("wide", 20000, "unencrypted = true")
        self.walk_through_losses(file, self.finish)
        self.assertEqual(self.bits(self.run_folder), self.bits_alone(file))

    def test_nodes_that_die_and_hang_cost_fast_sums_no_step(self):
        file = self.file("wide", 1000000, "unencrypted = true", job='reduction = "fast"')
        with open(file) as text:  # networks whose sums are large enough to be made the fast way
            wide = text.read().replace("fmap_base = 32", "fmap_base = 512").replace("fmap_max = 8", "fmap_max = 128")
        self.walk_through_losses(self.write("wide.toml", wide), self.stop)
        with open(os.path.join(self.run_folder, "gan", "losses.csv")) as losses:
            rows = losses.read().splitlines()[1:]
        self.assertEqual([int(row.split(",")[0]) for row in rows], list(range(len(rows))))
        self.assertGreaterEqual(len(rows), self.seen)  # steps 0 to seen - 1 were committed by then

    def test_with_keys_nodes_join_by_their_own(self):
        self.seen = 0
        keys = os.path.join(self.folder, "keys")
        self.ask("keys", "init", keys)
        self.ask("keys", "add", keys, "a")
        file = self.file("locked", 6000, f'keys = "{keys}"')
        head, control = self.head(file)
        self.node("a", file, control)
        self.until_up("ha", head)
        self.working_on(2, head)
        # a node without a key of its own, and one with another cluster's
        stranger = self.node("b", file, control)
        self.assertEqual(stranger.wait(), 2, stranger.text())
        self.assertIn("b", stranger.text())
        others = os.path.join(self.folder, "others")
        self.ask("keys", "init", others)
        self.ask("keys", "add", others, "b")
        # a user's key opens the control port, and makes no node
        self.ask("keys", "add", keys, "u", "--role", "client")
        user = self.node("u", file, control)
        self.assertEqual(user.wait(), 2, user.text())
        self.assertIn("no node of that name", user.text())
        foreign = self.node("b", self.file("foreign", 6000, f'keys = "{others}"'), control)
        self.assertEqual(foreign.wait(), 2, foreign.text())
        # keys made while the cluster runs let a node in
        self.ask("keys", "add", keys, "b")
        self.node("b", file, control)
        self.until_up("hab", head)
        self.finish(head)
        self.assertEqual(self.bits(self.run_folder), self.bits_alone(file))

    def test_a_node_waits_for_its_head_and_finds_the_next_one(self):
        file = self.file("late", 400, "unencrypted = true")
        first, control = self.head(file)
        early = self.node("a", file, control)
        self.until_up("ha", first)
        self.finish(first)
        self.until("it knocks on", lambda: "Knocks on" in early.text(), early)
        shutil.rmtree(self.run_folder)
        again, _ = self.head(file, control["port"])
        self.until_up("ha", again)
        self.finish(again)
        early.process.send_signal(signal.SIGINT)
        self.assertEqual(early.wait(), 130, early.text())

    def test_a_head_that_dies_costs_no_committed_step(self):
        self.seen = 0
        file = self.file("headless", 12000, "unencrypted = true")
        with open(file) as text:
            rare = text.read().replace("checkpoint_seconds = 0.2", "checkpoint_seconds = 0")  # at phase ends alone
        file = self.write("headless.toml", rare)
        first, control = self.head(file)
        nodes = [self.node(name, file, control) for name in "ab"]
        self.until_up("hab", first)
        self.working_on(3, first)
        self.until("a checkpoint", self.checkpoints, first)
        saved = int(os.path.basename(self.checkpoints()[-1]).split("-")[1])
        self.past_step(saved + 200, first)
        self.working_on(3, first)
        first.process.kill()
        first.wait()
        with open(os.path.join(self.run_folder, "gan", "losses.csv")) as losses:
            written = losses.read().count("\n") - 1
        self.assertGreater(written, saved + 200)
        os.remove(os.path.join(self.run_folder, "control.json"))
        again = self.up("resume", self.run_folder, "--port", str(control["port"]), "--stay")
        self.started(again)
        self.until_up("hab", again)
        self.finish(again)
        resumed = [event for event in self.journal() if event["event"] == "resumed"]
        self.assertEqual(len(resumed), 1)
        self.assertIn("the copy on node", resumed[0]["text"])
        # the head alone may have come to the last step that it wrote
        self.assertGreaterEqual(resumed[0]["step"], written - 1)
        self.assertEqual(self.bits(self.run_folder), self.bits_alone(file))
        for node in nodes:
            self.assertIn("commits nothing until it is back", node.text())
            node.process.send_signal(signal.SIGINT)
            self.assertEqual(node.wait(), 130, node.text())

    def test_a_drained_node_is_left_at_an_edge(self):
        self.seen = 0
        file = self.file("drained", 12000, "unencrypted = true")
        head, control = self.head(file)
        a, b = self.node("a", file, control), self.node("b", file, control)
        self.until_up("hab", head)
        self.working_on(3, head)
        self.assertIn("drained", self.ask("drain", "a", run=self.run_folder))
        self.working_on(2, head)
        self.assertEqual(self.nodes()["a"]["state"], "drained")
        self.assertEqual(self.nodes()["a"]["jobs"], [])
        self.ask("node", "remove", "b", run=self.run_folder, code=2)
        self.assertIn("at work", self.error)
        self.ask("drain", "a", "--undo", run=self.run_folder)
        self.working_on(3, head)
        b.process.send_signal(signal.SIGINT)  # leaves in order, as a drain does
        self.assertEqual(b.wait(), 130, b.text())
        self.working_on(2, head)
        self.ask("node", "remove", "b", run=self.run_folder)
        self.assertNotIn("b", self.nodes())
        self.finish(head)
        self.assertEqual(self.bits(self.run_folder), self.bits_alone(file))
        self.assertNotIn("recovered", self.kinds())  # no step was done twice

    def test_wrong_use_is_said(self):
        file = self.file("wrong", 400, "")
        self.ask("up", file, "--node", "h", code=2)
        self.assertIn("head's own node", self.error)
        self.ask("up", file, "--node", "a", "--at", "nowhere", code=2)
        self.assertIn("no place of a cluster", self.error)
        head, control = self.head(file)
        refused = self.node("a", file, control)
        self.assertEqual(refused.wait(), 2, refused.text())
        self.assertIn("takes no nodes", refused.text())
        self.assertIn("h (head)", self.ask("nodes", run=self.run_folder))
        self.finish(head)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A cluster with keys, from the outside: `keys init`, `up`, commands with the right keys, the wrong ones and none.

usage: e2e_keys_test.py TROUPE [unittest options]

Needs no LibTorch: the cluster has no jobs.
"""
import json
import os
import shutil
import socket
import urllib.request

from e2e_tools import CommandTestCase, main


class KeysTest(CommandTestCase):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        self.ask("keys", "init", self.keys)
        self.ask("keys", "add", self.keys, "alice", "--role", "client")

    def taken(self, name, source=None):
        """The files of one name, as its holder has them on another machine."""
        source = source or self.keys
        folder = os.path.join(self.folder, f"of-{name}-{os.path.basename(source)}")
        os.mkdir(folder, 0o700)
        for file in ["ca.pem", f"{name}.pem", f"{name}.key", f"{name}.curve", "public.json"]:
            shutil.copy(os.path.join(source, file), folder)
        return folder

    def cluster_with_keys(self, keys="keys", listen="127.0.0.1"):
        text = f'[cluster]\nname = "locked"\nport = 0\nmetrics_port = 0\nlisten = "{listen}"\nkeys = "{keys}"\n'
        return self.write("locked.toml", text + "[[node]]\ncores = 1\n")

    def secrets(self):
        found = []
        for root, _, files in os.walk(self.keys):
            for file in files:
                if file.endswith((".key", ".curve")):
                    with open(os.path.join(root, file)) as opened:
                        lines = [line for line in opened.read().splitlines() if not line.startswith("-----")]
                    found.append(lines[0])
        return found

    def refused_connections(self, control):
        address = f"http://127.0.0.1:{control['metrics_port']}/metrics"
        with urllib.request.urlopen(address, timeout=30) as page:
            lines = page.read().decode().splitlines()
        return [line for line in lines if line.startswith("troupe_refused_connections_total{")]

    def test_holders_of_keys_come_in_and_nobody_else(self):
        cluster = self.up("up", self.cluster_with_keys(), "--run", self.run_folder)
        control = self.started(cluster)
        at = f"127.0.0.1:{control['port']}"
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))
        alice = self.taken("alice")
        self.assertIn("no jobs", self.ask("jobs", "--at", at, "--keys", alice))

        self.ask("jobs", "--port", str(control["port"]), code=1)
        self.assertIn("--keys", self.error)
        other = os.path.join(self.folder, "other")
        self.ask("keys", "init", other)
        self.ask("jobs", "--at", at, "--keys", other, code=2)
        self.assertIn("what answers there holds no key of this cluster", self.error)
        stolen = self.taken("head", other)
        shutil.copy(os.path.join(self.keys, "ca.pem"), stolen)
        self.ask("jobs", "--at", at, "--keys", stolen, code=2)
        self.assertIn("error: ", self.error)
        os.chmod(os.path.join(alice, "alice.key"), 0o644)
        self.ask("jobs", "--at", at, "--keys", alice, code=2)
        self.assertIn("chmod 600", self.error)
        os.chmod(os.path.join(alice, "alice.key"), 0o600)

        with socket.create_connection(("127.0.0.1", control["port"])) as stranger:
            stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.until("the refusal", lambda: any("no_tls" in line for line in self.refused_connections(control)), cluster)
        self.assertIn("no jobs", self.ask("jobs", "--at", at, "--keys", alice))
        self.ask("stop", "--all", "--at", at, "--keys", alice)
        self.assertEqual(cluster.wait(), 0, cluster.text())
        self.assertIn("connections_refused", self.kinds())
        self.assert_no_secret_in(self.run_folder, cluster.text())

    def assert_no_secret_in(self, folder, log):
        texts = [log]
        for root, _, files in os.walk(folder):
            for file in files:
                with open(os.path.join(root, file), errors="replace") as opened:
                    texts.append(opened.read())
        secrets = self.secrets()
        self.assertEqual(len(secrets), 5)
        for secret in secrets:
            self.assertFalse(any(secret in text for text in texts))

    def test_a_detached_cluster_with_keys_says_how_to_reach_it(self):
        told = self.ask("up", self.cluster_with_keys(), "--detach", "--run", self.run_folder)
        self.assertIn(f"troupe jobs --run {self.run_folder}", told)
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))
        pid = self.control()["pid"]
        self.ask("stop", "--all", run=self.run_folder)
        self.until("its end", lambda: not os.path.exists(f"/proc/{pid}") or self.control() is None)

    def test_a_cluster_whose_keys_cannot_be_used_does_not_start(self):
        cases = {
            "nowhere": "no such folder of keys",
            "keys/head.pem": "no folder of keys",
            self.taken("alice"): "can't be served with a user's key",
        }
        for keys, words in cases.items():
            cluster = self.up("up", self.cluster_with_keys(keys), "--run", os.path.join(self.folder, "r" + str(len(words))))
            self.assertEqual(cluster.wait(), 2, cluster.text())
            self.assertIn(words, cluster.text())
            self.assertFalse(os.path.exists(os.path.join(self.folder, "r" + str(len(words)), "config.toml")), words)

    def test_other_machines_are_let_in_with_keys_alone(self):
        file = self.write("open.toml", '[cluster]\nlisten = "0.0.0.0"\n')
        self.ask("check", file, code=2)
        self.assertIn("open.toml:2:10: error: `listen` lets other machines in, but the cluster has no `keys`", self.error)
        cluster = self.up("up", file, "--run", self.run_folder)
        self.assertEqual(cluster.wait(), 2, cluster.text())
        cluster = self.up("up", self.cluster_with_keys(listen="0.0.0.0"), "--run", self.run_folder)
        control = self.started(cluster)
        self.assertEqual(control["host"], "127.0.0.1")
        # another address of this machine, as from another one
        self.assertIn("no jobs", self.ask("jobs", "--at", f"127.0.0.2:{control['port']}", "--keys", self.taken("alice")))
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())

    def test_a_renewed_key_takes_the_place_of_the_old_one(self):
        cluster = self.up("up", self.cluster_with_keys(), "--run", self.run_folder)
        control = self.started(cluster)
        self.ask("keys", "add", self.keys, "alice", "--renew", "--days", "3")
        names = json.loads(self.ask("keys", "show", self.keys, "--json"))["names"]
        self.assertEqual([name["role"] for name in names], ["client", "node"])
        self.assertIn("no jobs", self.ask("jobs", "--at", f"127.0.0.1:{control['port']}", "--keys", self.taken("alice")))
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(cluster.wait(), 0, cluster.text())


if __name__ == "__main__":
    main()

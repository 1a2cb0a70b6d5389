#!/usr/bin/env python3
"""Those who are not to come in, against a running head with keys: what is refused is counted, costs a bounded number of
bytes and descriptors, and commands are answered all the while.

usage: e2e_intruders_test.py TROUPE [unittest options]

Needs no LibTorch: the cluster has no jobs.
"""
import json
import os
import random
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.request

from e2e_tools import CommandTestCase, main

CONTROL_STRANGERS, PLANE_STRANGERS = 256, 512  # TlsGuard::kMost, plane::Strangers::kMost
FAILURE_TIMEOUT = 3  # seconds, of these clusters

# Opens N connections from an address of its own, says so, and holds them, whatever the other side does; the first of
# them send a byte of a TLS greeting each second.
HOLD = """
import select, socket, sys, time
port, count, drips, own = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
held = []
for _ in range(count):
    one = socket.socket()
    one.bind((own, 0))
    one.connect(("127.0.0.1", port))
    held.append(one)
print("held", flush=True)
greeting = b"\\x16\\x03\\x01\\x02\\x00\\x01\\x00\\x01\\xfc\\x03\\x03" + bytes(500)
for byte in greeting:
    for one in held[-drips:] if drips else []:
        try:
            one.send(bytes([byte]), socket.MSG_NOSIGNAL)
        except OSError:
            pass
    if select.select([sys.stdin], [], [], 1)[0]:
        break
"""


class Recorder(threading.Thread):
    """A way to a port that keeps what is said to it."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.said = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            self.said.append(bytearray())
            threading.Thread(target=self.carry, args=(near, self.said[-1]), daemon=True).start()

    def carry(self, near, said):
        with near, socket.create_connection(("127.0.0.1", self.port)) as far:
            while True:
                for source in select.select([near, far], [], [])[0]:
                    part = source.recv(1 << 16)
                    if not part:
                        return
                    if source is near:
                        said += part
                    (far if source is near else near).sendall(part)


class IntrudersTest(CommandTestCase):
    def setUp(self):
        super().setUp()
        self.keys = os.path.join(self.folder, "keys")
        self.ask("keys", "init", self.keys)
        self.ask("keys", "add", self.keys, "alice", "--role", "client")
        self.ask("keys", "add", self.keys, "bob")
        self.file = self.write("locked.toml", '[cluster]\nname = "locked"\nport = 0\nmetrics_port = 0\n'
                               f'runs = "{self.folder}/runs"\nfailure_timeout_seconds = {FAILURE_TIMEOUT}\n'
                               f'keys = "{self.keys}"\n[[node]]\nname = "h"\ncores = 1\n')
        self.cluster = self.up("up", self.file, "--run", self.run_folder, "--stay")
        self.where = self.started(self.cluster)
        self.control_port = self.where["port"]
        self.plane_port = int(self.nodes()["h"]["address"].rsplit(":", 1)[1])

    def tearDown(self):
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))
        self.ask("stop", "--all", run=self.run_folder)
        self.assertEqual(self.cluster.wait(), 0, self.cluster.text())

    def nodes(self):
        return {node["name"]: node for node in json.loads(self.ask("nodes", "--json", run=self.run_folder))}

    def refused(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.where['metrics_port']}/metrics", timeout=60) as page:
            found = re.findall(r'troupe_refused_connections_total\{reason="(\w+)"\} (\S+)', page.read().decode())
        return {reason: float(count) for reason, count in found}

    def until_refused(self, *reasons, count=1):
        """So many were refused, for one of these reasons or another."""
        self.until(f"{count} refused: {reasons}", lambda: sum(self.refused().get(reason, 0) for reason in reasons) >= count,
                   self.cluster)

    @staticmethod
    def overflows():
        """How often the kernel itself dropped a connection, since a queue of those not yet accepted was full."""
        with open("/proc/net/netstat") as counts:
            names, values = [line.split() for line in counts if line.startswith("TcpExt:")]
        return int(values[names.index("ListenOverflows")])

    def resident(self):
        with open(f"/proc/{self.where['pid']}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.where['pid']}/fd"))

    def hold(self, port, count, drips, own):
        line = [sys.executable, "-c", HOLD, str(port), str(count), str(drips), own]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdin.close(), process.stdout.close()))
        return process

    def besiege(self, port, strangers, reasons):
        """10,000 connections that say nothing or little, held open by others."""
        descriptors, resident, overflows = self.descriptors(), self.resident(), self.overflows()
        each = 1000  # within any limit of descriptors
        besiegers = [self.hold(port, each, 50, f"127.0.1.{i + 1}") for i in range(10)]
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))  # in the midst of it
        for besieger in besiegers:
            self.assertEqual(besieger.stdout.readline(), b"held\n")
        came = 10 * each - (self.overflows() - overflows)  # on a busy machine a few never get as far as the process
        self.until_refused(*reasons, count=came - strangers)
        self.assertIn("no jobs", self.ask("jobs", run=self.run_folder))
        self.assertLess(self.descriptors(), descriptors + strangers + 30)
        self.assertLess(self.resident() - resident, 96 << 20)
        self.until_refused(*reasons, count=came)  # the last ones by their time
        for besieger in besiegers:
            besieger.stdin.close()
            besieger.wait()
        self.until("the descriptors back", lambda: self.descriptors() < descriptors + 10, self.cluster)

    def test_ten_thousand_half_open_connections_to_the_control_port_are_few_at_a_time(self):
        self.besiege(self.control_port, CONTROL_STRANGERS, ["too_many", "too_slow", "barred"])

    def test_ten_thousand_half_open_connections_to_the_data_plane_are_few_at_a_time(self):
        self.besiege(self.plane_port, PLANE_STRANGERS, ["plane_handshake"])

    def say(self, port, what):
        """What is said, and then nothing more; returns when the other side has ended it."""
        with socket.create_connection(("127.0.0.1", port), timeout=60) as stranger:
            try:
                stranger.sendall(what)
                stranger.shutdown(socket.SHUT_WR)
                while stranger.recv(1 << 16):
                    pass
            except OSError:
                pass  # it was cut off

    def test_what_is_no_greeting_is_refused_at_both_ports(self):
        source = random.Random(1)
        hello = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context().wrap_bio(*hello, server_hostname="head")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        whole = hello[1].read()
        resident = self.resident()
        sayings = {
            "random": [source.randbytes(source.randrange(1, 5000)) for _ in range(20)],
            "cut": [whole[:source.randrange(1, len(whole))] for _ in range(20)],
            "of another length": [whole[:3] + struct.pack(">H", 0xffff) + source.randbytes(1 << 16),
                                  whole[:5] + b"\x01\xff\xff\xff" + source.randbytes(1 << 17)],
            "nested": [b"[" * (1 << 20), b"\x30\x80" * (1 << 19)],
            "plain": [b"GET / HTTP/1.0\r\n\r\n", b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + bytes(60)],
        }
        said = 0
        for kind, texts in sayings.items():
            for text in texts:
                self.say(self.control_port, text)
                self.say(self.plane_port, text)
            said += len(texts)
            with self.subTest(kind):
                self.until_refused("no_tls", "broken_off", "no_certificate", count=said)
                self.until_refused("plane_handshake", count=said)
        self.assertLess(self.resident() - resident, 32 << 20)

    def with_key(self, name):
        """TLS to the control port with a valid key; what is said inside is the test's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(os.path.join(self.keys, "ca.pem"))
        context.load_cert_chain(*(os.path.join(self.keys, name + end) for end in (".pem", ".key")))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.control_port), timeout=60))

    def inside(self, what, ends=True):
        with self.with_key("alice") as alice:
            try:
                alice.sendall(what)
                while ends and alice.recv(1 << 16):
                    pass
            except OSError:
                pass

    def test_a_valid_key_is_no_leave_to_say_anything(self):
        source = random.Random(2)
        resident = self.resident()
        for _ in range(10):
            self.inside(source.randbytes(5000))
        self.until_refused("malformed", "oversized", count=10)
        before = self.refused().get("oversized", 0)
        # a greeting of CAF's that announces 4 GiB
        header = struct.pack(">BBBBIQQQ", 1, 0, 0, 0, 0xfffffff0, 0, 0, 0)
        for _ in range(5):
            self.inside(header + bytes(1 << 20))
        self.until_refused("oversized", count=before + 5)
        self.inside(header[:20], ends=False)  # cut in the middle
        self.assertLess(self.resident() - resident, 64 << 20)

    def node(self, name, *more):
        return self.up("up", self.file, "--node", name, *more)

    def until_up(self, name):
        self.until(name, lambda: self.nodes().get(name, {}).get("state") == "up", self.cluster)

    def test_a_second_process_of_a_live_nodes_name_is_refused(self):
        at = ["--at", f"127.0.0.1:{self.control_port}"]
        bob = self.node("bob", *at)
        self.until_up("bob")
        address = self.nodes()["bob"]["address"]
        second = self.node("bob", *at)
        self.assertEqual(second.wait(), 2, second.text())
        self.assertIn("another process is this node already, and answers", second.text())
        self.until_refused("join_name_taken")
        self.assertEqual(self.nodes()["bob"]["address"], address)
        self.assertEqual(self.nodes()["bob"]["state"], "up")
        # the name is free as soon as that process is gone
        bob.process.kill()
        bob.process.wait()
        self.until("bob's loss", lambda: self.nodes()["bob"]["state"] == "lost", self.cluster)
        self.node("bob", *at)
        self.until_up("bob")

    def test_a_recorded_join_sent_again_lets_nobody_in(self):
        way = Recorder(self.control_port)
        bob = self.node("bob", "--at", f"127.0.0.1:{way.listener.getsockname()[1]}")
        self.until_up("bob")
        recorded = bytes(way.said[0])
        self.assertGreater(len(recorded), 1000)
        self.say(self.control_port, recorded)  # while it is there
        self.until_refused("no_tls", "broken_off")
        self.assertEqual(self.nodes()["bob"]["state"], "up")
        bob.process.kill()
        self.until("bob's loss", lambda: self.nodes()["bob"]["state"] == "lost", self.cluster)
        self.say(self.control_port, recorded)  # and after it left
        self.until_refused("no_tls", "broken_off", count=2)
        self.assertEqual(self.nodes()["bob"]["state"], "lost")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The lab's switch does to datagrams what it is told.

usage: lab_test.py LAB_SWITCH [unittest options]
"""
import subprocess
import sys
import unittest

from lab import Lab, Unfit

SWITCH = None
# Answers every datagram with itself.
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(65536)
    s.sendto(data, who)
"""
# Sends numbered datagrams, prints the numbers that come back within the patience, and when the first one came.
ASK = """
import socket, sys, time
host, count, size, patience = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began, heard, first = time.monotonic(), [], -1.0
for i in range(count):
    s.sendto(i.to_bytes(4, "big") + bytes(size), (host, 7))
s.settimeout(patience)
try:
    while len(heard) < 2 * count + 1:
        heard.append(int.from_bytes(s.recv(65536)[:4], "big"))
        if first < 0:
            first = time.monotonic() - began
except OSError:
    pass
print(first, time.monotonic() - began, *heard)
"""


class LabTest(unittest.TestCase):
    def setUp(self):
        lab = Lab(SWITCH, ["a", "b", "c"])
        try:
            self.lab = lab.__enter__()
        except Unfit as why:
            self.skipTest(f"{why}; what needs several machines is tried on loopback alone here")
        self.addCleanup(lambda: self.echo.wait())
        self.addCleanup(lab.__exit__)  # ends what runs on its machines
        self.echo = self.lab.popen("b", [sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.echo.stdout.close)
        self.assertEqual(self.echo.stdout.readline(), "ready\n")

    def ask(self, count=20, size=100, patience=0.5, who="a"):
        """Seconds to the first answer, to the end, and the numbers that came back."""
        done = subprocess.run(self.lab.inside(who, [sys.executable, "-c", ASK, self.lab.address("b"), str(count),
                                                    str(size), str(patience)]),
                              capture_output=True, text=True, check=True)
        first, whole, *heard = done.stdout.split()
        return float(first), float(whole), [int(number) for number in heard]  # in the order of their coming

    def test_a_good_line_brings_everything_once(self):
        self.assertEqual(sorted(self.ask()[2]), list(range(20)))
        counted = self.lab.count()
        self.assertGreaterEqual(counted["a"]["frames"], 20)
        self.assertEqual(counted["a"]["lost"], 0)

    def test_delay_loss_duplicates_and_disorder(self):
        self.lab.port("a", delay=0.1)
        self.assertGreaterEqual(self.ask()[0], 0.1)
        self.lab.port("a", delay=0, loss=1)
        self.assertEqual(self.ask()[2], [])
        self.assertGreaterEqual(self.lab.count()["a"]["lost"], 20)
        self.lab.port("a", loss=0, duplicate=1)
        self.assertEqual(sorted(self.ask()[2]), sorted(2 * list(range(20))))
        self.lab.port("a", duplicate=0, reorder=0.5, delay=0.05)
        heard = self.ask()[2]
        self.assertEqual(sorted(heard), list(range(20)))
        self.assertNotEqual(heard, list(range(20)))

    def test_a_rate_holds_a_sender_back(self):
        self.lab.port("a", rate=1e6)
        first, _, heard = self.ask(count=4, size=1200)
        self.assertEqual(sorted(heard), [0, 1, 2, 3])
        self.assertGreaterEqual(first, 8 * 1200 / 1e6)

    def test_a_cut_parts_and_a_drawn_cable_too(self):
        self.ask()  # a knows b's hardware address: asking for it again would take longer than the patience
        self.lab.cut("a")
        self.assertEqual(self.ask()[2], [])
        self.assertEqual(sorted(self.ask(who="c")[2]), list(range(20)))
        self.lab.heal()
        self.assertEqual(sorted(self.ask()[2]), list(range(20)))
        self.lab.link("b", False)
        self.assertEqual(self.ask()[2], [])
        self.lab.link("b", True)
        self.assertEqual(sorted(self.ask()[2]), list(range(20)))

    def test_a_wrong_command_is_refused_in_words(self):
        for line in ("port nobody rate=1", "port", f"port {self.lab.space('a')} rate=-1", "fly", "cut nobody",
                     f"port {self.lab.space('a')} speed=1"):
            with self.assertRaisesRegex(RuntimeError, "error"):
                self.lab.tell(line)
        self.assertEqual(sorted(self.ask()[2]), list(range(20)))


if __name__ == "__main__":
    SWITCH = sys.argv[1]
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], verbosity=2)

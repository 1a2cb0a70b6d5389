#!/usr/bin/env python3
"""gpu_check_test.py BUILD: what ./dev gpu-check does with and without a GPU, with what is built in BUILD."""
import json
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import bundle
import machine
import parts
import report
from clock import Clock

BUILD = sys.argv.pop() if len(sys.argv) > 1 else ""
ROWS = [{"kind": "fact", "what": "device", "value": "H100", "section": "device"},
        {"kind": "figure", "what": "a switch", "value": 61.234, "unit": "us", "goal": "at most 1000", "met": True, "section": "slices"},
        {"kind": "figure", "what": "Adam", "value": 0.5, "unit": "ratio", "goal": "at least 0.8", "met": False, "section": "kernels"},
        {"kind": "check", "what": "bits", "held": True, "why": "", "section": "kernels"},
        {"kind": "not run", "what": "NCCL", "why": "no | library", "section": "NCCL"}]


class Command(unittest.TestCase):
    def check(self, *arguments):
        script = Path(__file__).with_name("gpu_check.py")
        return subprocess.run([sys.executable, "-B", str(script), *arguments], capture_output=True, text=True, check=False)

    def test_without_a_gpu_it_says_so_and_ends_with_2(self):
        with tempfile.TemporaryDirectory() as out:
            done = self.check("--built", BUILD, "--out", out, "--only", "slices,tests")
            if done.returncode == 2:
                self.assertIn("no GPU to check", done.stderr)
                self.assertIn("Everything is built", done.stderr)
                self.assertEqual(list(Path(out).iterdir()), [])
            else:  # there is one: everything must hold
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(json.loads(Path(out, "gpu-check.json").read_text())["held"])

    def test_whatever_part_is_asked_for_a_gpu_is_wanted(self):
        with tempfile.TemporaryDirectory() as out:
            for part in ("tests", "speed"):
                done = self.check("--built", BUILD, "--out", out, "--only", part)
                if done.returncode == 2:
                    self.assertIn("no GPU to check", done.stderr)
                    self.assertEqual(list(Path(out).iterdir()), [])

    def test_a_folder_that_is_not_built_is_a_failure(self):
        with tempfile.TemporaryDirectory() as empty:
            done = self.check("--built", empty, "--out", empty)
            self.assertEqual(done.returncode, 1)
            self.assertIn("has no gpu_check_program", done.stderr)

    def test_wrong_use_is_2(self):
        self.assertEqual(self.check("--outt", "x").returncode, 2)
        for arguments, told in ((("--only", "speed,spead"), "'spead'; the parts are slices"), (("--only", ","), "no part is named"),
                                (("--seconds", "none"), "'none' is no number"), (("--seconds", "0"), "from 1 on")):
            done = self.check(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(told, done.stderr)

    def test_tells_its_parts(self):
        done = self.check("--list")
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()], list(parts.HELP))
        self.assertIn("--only speed", self.check("--help").stdout)


def lives(pid):
    try:
        return Path("/proc", pid, "stat").read_text().rsplit(")")[-1].split()[0] not in "ZX"
    except OSError:
        return False


class Machine(unittest.TestCase):
    def test_versions_are_read(self):
        self.assertEqual(machine.numbers("cmake version 3.25.1"), (3, 25, 1))
        self.assertEqual(machine.numbers(" 13.0, V13.0.88"), (13, 0))
        self.assertEqual(machine.numbers("none"), ())

    def test_a_command_that_takes_too_long_is_stopped_with_what_it_started(self):
        clock = Clock()
        code, output = clock.run("x", ["sh", "-c", "sleep 60 & echo $!; wait"], 0.3)
        self.assertEqual(code, 124)
        self.assertIn("x", clock.spent)
        # its end of the pipe is closed before it is gone
        end = time.monotonic() + 20
        while lives(output.split()[0]) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(lives(output.split()[0]), "the sleep lives on")

    def test_what_is_lacking_is_told_by_headers(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(bundle.lacking(root), list(bundle.HEADERS))
            header = Path(root, "usr/include/xxhash.h")
            header.parent.mkdir(parents=True)
            header.touch()
            self.assertNotIn("libxxhash-dev", bundle.lacking(root))


class Page(unittest.TestCase):
    def write(self, rows):
        with tempfile.TemporaryDirectory() as out:
            held = report.write(Path(out) / "new", rows, {"nvcc": "13.0", "torch": None}, {"build": 12.5})
            return held, Path(out, "new/gpu-check.md").read_text(), json.loads(Path(out, "new/gpu-check.json").read_text())

    def test_has_every_figure_with_its_goal(self):
        held, page, whole = self.write(ROWS)
        self.assertTrue(held)
        for line in ("| device | H100 |", "| nvcc | 13.0 |", "| slices | a switch | 61.23 us | at most 1000 | met |",
                     "| kernels | Adam | 0.5 ratio | at least 0.8 | missed |", "| kernels | bits | held |  |", "| NCCL | NCCL | no \\| library |"):
            self.assertIn(line, page)
        self.assertNotIn("torch", page)
        self.assertEqual(whole["rows"], ROWS)

    def test_what_did_not_hold_fails_the_whole(self):
        held, page, whole = self.write(ROWS + [{"kind": "check", "what": "wall", "held": False, "why": "48 MiB\ngiven", "section": "memory"}])
        self.assertFalse(held or whole["held"])
        self.assertIn("| memory | wall | FAILED | 48 MiB given |", page)


if __name__ == "__main__":
    unittest.main()

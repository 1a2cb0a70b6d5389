#!/usr/bin/env python3
"""parts_test.py BUILD KERNELS: the parts of ./dev gpu-check over stand-ins of the host, and the figures made of samples."""
import sys
import tempfile
import time
import unittest
from pathlib import Path

import derived
import parts
from clock import Clock
from machine import Wrong, find_torch

KERNELS, BUILD = (sys.argv.pop(), sys.argv.pop()) if len(sys.argv) > 2 else ("", "")
CUDA = {"torch_cuda": "13.0", "packages": None, "python": sys.executable}
OVER_LIBTORCH = [name for name in parts.HELP if name not in ("slices", "tests")]


def sample(of, **values):
    return {"kind": "sample", "of": of, "section": of} | values


def named(rows, what):
    (row,) = [row for row in rows if row.get("what") == what]
    return row


class Speed(unittest.TestCase):
    def one(self, who, rate, size=8, precision="float32"):
        waits = {"waited_for_data": 0.25} if who == "troupe" else {}
        return sample("speed", who=who, size=size, precision=precision, images_per_second=rate, **waits)

    def test_troupe_is_held_against_both_in_the_same_precision(self):
        rows = derived.speed([self.one("troupe", 300.0), self.one("troupe", 999.0, precision="bfloat16"), self.one("PyTorch eager", 90.0),
                              self.one("PyTorch compiled", 400.0)])
        eager, compiled = (named(rows, f"8x8, float32: troupe over PyTorch {way}") for way in ("eager", "compiled"))
        self.assertAlmostEqual(eager["value"], 300 / 90)
        self.assertEqual((eager["goal"], eager["met"]), ("at least 3", True))
        self.assertEqual((compiled["value"], compiled["goal"], compiled["met"]), (0.75, "at least 1", False))
        self.assertEqual(named(rows, "8x8, float32: of it, waiting for data")["value"], 0.25)
        self.assertFalse([row for row in rows if row["what"].startswith("8x8, bfloat16: troupe over")])

    def test_of_several_the_one_timed_last_counts(self):
        rows = derived.speed([self.one("troupe", 100.0), self.one("PyTorch eager", 100.0), self.one("troupe", 200.0),
                              self.one("PyTorch compiled", 100.0)])
        self.assertEqual(named(rows, "8x8, float32: troupe over PyTorch eager")["value"], 1)
        self.assertEqual(named(rows, "8x8, float32: troupe over PyTorch compiled")["value"], 2)

    def test_goals_are_by_size(self):
        self.assertEqual([derived.times_eager(size) for size in (4, 32, 64, 128, 256, 512, 1024)], [3, 3, 1.5, 1.5, 1, 1, None])

    def test_another_size_is_no_comparison(self):
        self.assertEqual(len(derived.speed([self.one("troupe", 1.0), self.one("PyTorch eager", 1.0, size=16)])), 3)


class Packing(unittest.TestCase):
    ALONE = [sample("packing", how="alone", sizes=[8], images_per_second=[100.0]),
             sample("packing", how="alone", sizes=[16], images_per_second=[50.0])]

    def together(self, how, *rates):
        return sample("packing", how=how, sizes=[8, 16], images_per_second=list(rates))

    def test_throughput_is_in_jobs_alone_and_slices_are_held_against_processes(self):
        rows = derived.packing(self.ALONE + [self.together("slices", 90.0, 45.0), self.together("streams", 80.0, 40.0),
                                             self.together("processes", 50.0, 25.0)])
        self.assertAlmostEqual(named(rows, "2 jobs, slices: throughput")["value"], 1.8)
        self.assertAlmostEqual(named(rows, "2 jobs, processes: throughput")["value"], 1.0)
        ratio = named(rows, "2 jobs: throughput on slices over processes")
        self.assertAlmostEqual(ratio["value"], 1.8)
        self.assertEqual((ratio["goal"], ratio["met"]), ("at least 1.5", True))
        self.assertAlmostEqual(named(rows, "2 jobs: throughput on slices over streams")["value"], 1.125)
        self.assertAlmostEqual(named(rows, "2 jobs, slices: fairness (Jain)")["value"], 1)

    def test_unfair_is_told(self):
        rows = derived.packing(self.ALONE + [self.together("slices", 90.0, 15.0)])
        self.assertAlmostEqual(named(rows, "2 jobs, slices: fairness (Jain)")["value"], 1.2 ** 2 / (2 * (0.81 + 0.09)))
        self.assertAlmostEqual(named(rows, "2 jobs, slices: the least share over the most")["value"], 1 / 3)
        self.assertAlmostEqual(derived.jain([1, 0, 0, 0]), 0.25)
        self.assertEqual(derived.jain([0, 0]), 0)

    def test_without_the_time_alone_there_is_nothing_to_tell(self):
        self.assertEqual(derived.packing([self.together("slices", 90.0, 15.0)]), [])


class Forecast(unittest.TestCase):
    def test_errors_median_and_the_lowest(self):
        rows = derived.forecast([sample("forecast", what=f"GAN {told}", told=told, held=100) for told in (101, 102, 110)]
                                + [sample("forecast", what="U-Net of x", told=90, held=100), sample("forecast", what="GAN broken", told=1, held=0)])
        self.assertAlmostEqual(named(rows, "GAN 110: foretold over held")["value"], 1.1)
        median = named(rows, "GAN: median error over 3")
        self.assertAlmostEqual(median["value"], 0.02)
        self.assertEqual((median["goal"], median["met"]), ("at most 0.03", True))
        lowest = named(rows, "GAN: the lowest foretold over held")
        self.assertEqual((lowest["value"], lowest["met"]), (1.01, True))
        self.assertFalse(named(rows, "U-Net: the lowest foretold over held")["met"])
        self.assertFalse(named(rows, "U-Net: median error over 1")["met"])


class Bits(unittest.TestCase):
    def one(self, pin, same, ms, size=8):
        return sample("bits", pin=pin, size=size, same={"8 SMs": same, "64 SMs": True}, step_ms=ms)

    def test_tells_how_often_they_differ_and_what_a_pin_costs(self):
        rows = [self.one("as-it-is", False, 2.0), self.one("as-it-is", False, 4.0, 32), self.one("cublas", True, 3.0)]
        self.assertTrue(derived.differs(rows))
        self.assertFalse(derived.differs(rows[2:]))
        told = derived.bits(rows)
        self.assertEqual([(row["value"], row["met"]) for row in told[:2]], [(2, False), (0, True)])
        self.assertEqual(named(told, "8x8, cublas: a step's time over that as it is")["value"], 1.5)


class Order(unittest.TestCase):
    """Of the parts, by names alone."""

    def names(self, rows=()):
        c = parts.Checked(Path("/"), Path("/"), CUDA, Clock(), kernels="k", half="h", rows=list(rows))
        return [(part, name) for part, name, _, _ in parts.stages(c)]

    def test_every_part_is_told_and_comes_in_that_order(self):
        self.assertEqual(list(dict.fromkeys(part for part, _ in self.names())), ["slices", "tests", "step", "edges", "bits", "speed", "packing",
                                                                               "forecast"])
        self.assertEqual(set(parts.HELP), {part for part, _ in self.names()})

    def test_all_sizes_are_timed_the_important_ones_first(self):
        eager = [int(name.split()[-1]) for _, name in self.names() if name.startswith("PyTorch eager")]
        self.assertEqual(eager, [8, 32, 128, 512, 4, 16, 64, 256])
        self.assertEqual(sorted(eager), sorted(int(name.split()[-1]) for _, name in self.names() if name.startswith("PyTorch compiled")))

    def test_pins_are_tried_only_where_bits_differ(self):
        differ = [sample("bits", pin="as-it-is", size=8, same={"8 SMs": False}, step_ms=1.0)]
        self.assertEqual([name for _, name in self.names() if "bits with" in name], [])
        self.assertEqual(len([name for _, name in self.names(differ) if "bits with" in name]), len(parts.PINS))


class Ends(unittest.TestCase):
    """How a part's program may end, by programs made for it."""

    def run_step(self, script, torch=CUDA, trouble="", limit=60):
        with tempfile.TemporaryDirectory() as folder:
            if script:
                path = Path(folder, parts.STEP)
                path.write_text("#!/bin/sh\n" + script)
                path.chmod(0o755)
            c = parts.Checked(Path(folder), Path(folder), torch, Clock(), trouble, kernels="k", half="h")
            return parts.run_step(c, limit, "speed", "8", "2")

    FOUND = """echo '[{"kind": "fact", "what": "x", "value": 1}]' > $2/found-$1-$5.json\n"""

    def test_its_findings_are_the_reports(self):
        self.assertEqual(self.run_step(self.FOUND + "exit 1"), [{"kind": "fact", "what": "x", "value": 1}])

    def test_a_crash_is_a_failure_beside_what_was_found(self):
        rows = self.run_step(self.FOUND + "echo lost; kill -9 $$")
        self.assertEqual(len(rows), 2)
        self.assertFalse(rows[1]["held"])
        self.assertIn("lost", rows[1]["why"])

    def test_what_takes_too_long_is_not_run_beside_what_was_found(self):
        rows = self.run_step(self.FOUND + "sleep 60", limit=1)
        self.assertEqual([row["kind"] for row in rows], ["fact", "not run"])
        self.assertIn("time", rows[1]["why"])

    def test_what_does_not_build_is_a_failure_and_what_is_not_there_is_not_run(self):
        (row,) = self.run_step("", trouble="no such header")
        self.assertFalse(row["held"])
        self.assertIn("no such header", row["why"])
        for torch, why in (({"torch_cuda": None, "packages": None}, "no LibTorch"), (CUDA, "not built")):
            (row,) = self.run_step("", torch)
            self.assertEqual(row["kind"], "not run")
            self.assertIn(why, row["why"])

    def test_without_a_gpu_the_whole_ends(self):
        with self.assertRaisesRegex(Wrong, "no GPU to check: none"):
            self.run_step("echo 'gpu-check: there is no GPU to check: none'; exit 2")

    def test_whatever_is_asked_the_device_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, parts.PROGRAM)
            path.write_text("""#!/bin/sh\necho '[{"kind": "fact", "what": "device", "value": "x"}]' > $2/found.json; [ $1 = --look ]\n""")
            path.chmod(0o755)
            c = parts.Checked(Path(folder), Path(folder), CUDA, Clock(), kernels="k", half="h")
            parts.run(c, [], lambda: None)
            self.assertEqual([row["what"] for row in c.rows], ["device"])
            path.write_text("#!/bin/sh\necho 'gpu-check: there is no GPU to check: none'; exit 2\n")
            with self.assertRaises(Wrong):
                parts.run(c, ["tests"], lambda: None)

    def test_when_time_is_over_the_rest_is_told_and_not_begun(self):
        c = parts.Checked(Path("/"), Path("/"), CUDA, Clock(1), kernels="k", half="host")
        c.clock.start = time.monotonic() - 2
        parts.run(c, ["speed"], lambda: None)
        self.assertEqual(len(c.rows), len([part for part, _, _, _ in parts.stages(c) if part == "speed"]))
        self.assertTrue(all(row["kind"] == "not run" and "time" in row["why"] for row in c.rows))

    def test_what_is_no_row_is_passed_over(self):
        self.assertEqual(parts.rows_of('warning: x\n{"kind": "odd", "what": "y"}\n[1]\n'), [])

    def test_pytorch_without_a_cuda_half_says_so(self):
        c = parts.Checked(Path("/"), Path("/"), {"torch_cuda": None, "packages": None}, Clock(), kernels="k", half="h")
        self.assertEqual([row["kind"] for row in parts.run_peer(c, 5, 8, "eager")], ["not run"])


@unittest.skipIf(find_torch()["torch"] is None or not KERNELS, "no PyTorch here, or nothing built")
class OverStandIns(unittest.TestCase):
    """Every part over LibTorch, its process by process, on the host's memory: at 4x4 and 8x8, for tenths of seconds."""

    def check(self, *only):
        with tempfile.TemporaryDirectory() as found:
            c = parts.Checked(Path(BUILD), Path(found), find_torch(), Clock(280), kernels=KERNELS, half="host", seconds=0.1,
                              peer=("--device", "cpu", "--base", "64", "--most", "8", "--backend", "eager"), first_sizes=(8,), other_sizes=(4,))
            calls = []
            parts.run(c, list(only), lambda: calls.append(len(c.rows)))
        self.assertEqual([row for row in c.rows if row["kind"] == "check" and not row["held"]], [])
        self.assertEqual(calls[-1], len(c.rows))
        return c.rows, derived.everything(c.rows)

    def test_edges(self):
        rows, _ = self.check("edges")
        name = "GAN 8x8: "
        self.assertEqual(named(rows, name + "steps lost in those edges")["value"], 0)
        self.assertTrue(named(rows, name + "a job that moves to as many other SMs at each edge has the bits of one that stays")["held"])
        for what in ("such an edge, median", "such an edge, 99th percentile", "an edge that makes its context, median", "making a context beside steps, median",
                     "an edge to a context made beside steps, median",
                     "the first step after it, median", "a step that is replayed"):
            self.assertGreater(named(rows, name + what)["value"], 0)

    def test_bits(self):
        rows, figures = self.check("bits")
        (one,) = derived.samples(rows, "bits")
        self.assertEqual(one["same"], {"8 SMs": True, "64 SMs": True, "resized twice": True})
        self.assertTrue(named(rows, "8x8: the operators of one step are the same on all SMs")["held"])
        self.assertEqual(named(rows, "8x8: one step's gradients on the smallest slice")["value"], "the same bits")
        self.assertGreater(named(rows, "8x8: operators in one step")["value"], 100)
        self.assertEqual([row for row in rows if "by aten::" in row.get("what", "")], [])
        self.assertEqual(named(figures, "as-it-is: sizes and SMs with other bits than on all SMs")["value"], 0)

    def test_every_pin_is_known(self):
        with tempfile.TemporaryDirectory() as found:
            c = parts.Checked(Path(BUILD), Path(found), find_torch(), Clock(280), kernels=KERNELS, half="host")
            for pin in parts.PINS:
                rows = parts.run_step(c, 120, "bits", pin)
                if pin == "cublaslt" and not find_torch()["torch_cuda"]:  # which a LibTorch without CUDA refuses
                    self.assertIn("cuBLASLt", rows[0]["why"])
                    continue
                self.assertEqual([row["pin"] for row in derived.samples(rows, "bits")], [pin], rows)
            (wrong,) = parts.run_step(c, 120, "bits", "no-such-pin")
            self.assertIn("as-it-is, deterministic", wrong["why"])

    def test_speed(self):
        rows, figures = self.check("speed")
        self.assertEqual([(s["size"], s["who"]) for s in derived.samples(rows, "speed") if s["precision"] == "float32"],
                         [(8, "troupe"), (8, "PyTorch eager"), (8, "troupe"), (8, "PyTorch compiled"), (4, "troupe"), (4, "PyTorch eager"),
                          (4, "PyTorch compiled")])
        for size in (4, 8):
            for precision in ("float32", "bfloat16"):
                for way in ("eager", "compiled"):
                    self.assertGreater(named(figures, f"{size}x{size}, {precision}: troupe over PyTorch {way}")["value"], 0)

    def test_packing(self):
        rows, figures = self.check("packing")
        self.assertEqual([s["how"] for s in derived.samples(rows, "packing")], ["alone", "alone", "slices", "streams", "processes"])
        for other in ("processes", "streams"):
            self.assertGreater(named(figures, f"2 jobs: throughput on slices over {other}")["value"], 0)

    def test_forecast(self):
        rows, figures = self.check("forecast")
        self.assertEqual([s["what"].split()[0] for s in derived.samples(rows, "forecast")], ["GAN", "GAN", "U-Net"])
        for kind in ("GAN", "U-Net"):
            self.assertGreaterEqual(named(figures, f"{kind}: the lowest foretold over held")["value"], 1)

    def test_step(self):
        rows, _ = self.check("step")
        self.assertTrue(named(rows, "8x8, float32: gradients are the CPU's to 0.001")["held"])


if __name__ == "__main__":
    unittest.main()

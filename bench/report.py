"""What a bench in Python reports, as bench.hpp has it: the same flags, table and JSON."""
import argparse
import json
import statistics
import sys
import tempfile

from lab import Unfit  # in tests/lab, which each bench has put on the path


class Report:
    def __init__(self, name, text):
        self.name, self.metrics = name, []
        # the third line of the help is what `./dev bench` lists
        self.parser = argparse.ArgumentParser(prog=name, usage=argparse.SUPPRESS, description=f"{name}\n\n{text}",
                                              formatter_class=argparse.RawDescriptionHelpFormatter)
        self.parser.format_help = lambda: f"{name}\n\n{text}\n\nflags: --json  --runs N  and, where the text above " \
                                          "names them, others\n"
        self.parser.add_argument("--json", action="store_true")
        self.parser.add_argument("--runs", type=int, default=3)

    def flags(self):
        self.given = self.parser.parse_args()
        return self.given

    def measure(self, measure):
        """measure(folder) adds the figures; the folder is gone afterwards. What main() returns."""
        try:
            with tempfile.TemporaryDirectory(prefix=f"troupe-{self.name}-", ignore_cleanup_errors=True) as folder:
                measure(folder)
        except Unfit as why:
            print(f"{self.name}: error: {why}", file=sys.stderr)
            return 1
        return self.finish()

    def note(self, text):
        print(f"{self.name}: {text}", file=sys.stderr, flush=True)

    def add(self, metric, unit, samples, goal=None, at_least=True, peer=None, value=None):
        """value: the median of the samples, unless the name says otherwise."""
        if not samples:
            return
        value = statistics.median(samples) if value is None else value
        met = None if goal is None else (value >= goal if at_least else value <= goal)
        self.metrics.append({"metric": metric, "value": value, "unit": unit, "goal": goal,
                             "direction": None if goal is None else "at_least" if at_least else "at_most", "met": met,
                             "runs": len(samples), "min": min(samples), "max": max(samples), "peer": peer})

    def finish(self):
        if self.given.json:
            print(json.dumps(self.metrics, indent=2))
            return 0
        row = "{:<28} {:>12} {:<10} {:>14} {:>5} {:>5} {:>12} {:>12}  {}"
        print(row.format("metric", "value", "unit", "goal", "met", "runs", "min", "max", "peer"))
        for m in self.metrics:
            goal = "-" if m["goal"] is None else f"{'>=' if m['direction'] == 'at_least' else '<='} {m['goal']:.4g}"
            met = {None: "-", True: "yes", False: "NO"}[m["met"]]
            figures = [f"{m[key]:.5g}" for key in ("value", "min", "max")]
            print(row.format(m["metric"], figures[0], m["unit"], goal, met, m["runs"], figures[1], figures[2],
                             m["peer"] or ""))
        return 0
